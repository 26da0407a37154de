// test/clients/check.js: what the scripts of this folder say of each check, in
// JavaScript, and who takes part in the loop. Must not end the script: a check
// that fails is told and the rest runs, so that one run shows all that a tool
// stumbles over.
const util = require("util");

exports.ok = (name, good, told) => {
	console.log(`${good ? "ok" : "not ok"} - ${name}`);
	if (!good) {
		process.exitCode = 1;
		if (told !== undefined) console.log(util.inspect(told, { depth: 4 }));
	}
};

exports.same = (name, got, expected) =>
	exports.ok(name, util.isDeepStrictEqual(got, expected), { got, expected });

// What a promise is rejected with; undefined if it is not.
exports.error = (promise) => promise.then(() => undefined, (error) => error);

// What loop.sql asks for.
exports.people = [
	{ ref: "ada", profile: { name: "Ada", languages: ["de", "en"], rating: 4.5 } },
	{ ref: "bob", profile: { name: "Bob", languages: ["fr"], rating: 5 } },
	{ ref: "eve", profile: { name: "Eve", languages: ["de"], rating: 4 } },
];
exports.german = { languages: "de", rating: { $gte: 4 } };
exports.tomorrow = new Date(Date.now() + 24 * 3600e3);
exports.twoHoursLater = new Date(exports.tomorrow.getTime() + 2 * 3600e3);

exports.kinds = ["gig.filled", "invitation.created", "invitation.created", "invitation.updated"];
exports.run = (main) => main().catch((error) => {
	exports.ok("all of it runs", false, error);
	process.exit();
});
