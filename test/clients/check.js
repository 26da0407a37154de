// test/clients/check.js: what the scripts of this folder say of each check, in
// JavaScript. Must not end the script: a check that fails is told and the rest
// runs, so that one run shows all that a tool stumbles over.
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
