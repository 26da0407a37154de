// examples/site/link.js: prints the link that signs a worker in, for the mail
// that tells of an invitation.
//
//     SITE_KEY=… node link.js WORKER-REF [http://127.0.0.1:8080]
//
// Must not ask whether there is such a worker: who is none sees nothing.
"use strict";
const sessions = require("./session");

const [worker, site = process.env.SITE_ORIGIN || "http://127.0.0.1:8080"] = process.argv.slice(2);
if (!worker) {
	console.error("usage: SITE_KEY=… node link.js WORKER-REF [http://127.0.0.1:8080]");
	process.exit(2);
}
try {
	console.log(site + sessions(process.env.SITE_KEY, false).link(worker));
} catch (error) {
	console.error(error.message);
	process.exit(1);
}
