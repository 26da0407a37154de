// signature.js: how a request says who it is from. Decides what is signed and how
// long a signature holds; both sides share it. Must not look at what the body says.
//
// The header is "t=SECONDS,v1=HEX", the HMAC-SHA256 of "SECONDS.BODY" under a
// secret that both sides know. The time is part of it, so that nobody can send
// an old request again later.
const crypto = require("node:crypto");

const TOLERANCE = 300;		// seconds that clocks and networks may take

function hmac(secret, time, body) {
	return crypto.createHmac("sha256", secret).update(`${time}.`).update(body).digest();
}

exports.sign = (secret, body, time = Math.floor(Date.now() / 1000)) =>
	`t=${time},v1=${hmac(secret, time, body).toString("hex")}`;

// Of the body's bytes as they came: JSON that was parsed and written again is
// another text. Several secrets hold while one takes the place of another.
exports.verify = (secrets, header, body, now = Date.now() / 1000) => {
	const [, time, given] = /^t=(\d{1,12}),v1=([0-9a-f]{64})$/.exec(header ?? "") ?? [];
	if (given === undefined || Math.abs(now - time) > TOLERANCE) return false;
	return secrets.some((secret) => crypto.timingSafeEqual(hmac(secret, time, body), Buffer.from(given, "hex")));
};
