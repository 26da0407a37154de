// examples/site/session.js: who is asking. Signed sign-in links, the session's
// cookie and the token that each form carries.
//
// Decides by HMAC-SHA-256 with one key alone, so nothing is stored; another key
// ends all links and sessions. A site with a login of its own replaces this file.
// Must not know what a worker may see: that is the database's to say.
"use strict";
const crypto = require("node:crypto");

const LINK_SECONDS = 14 * 24 * 3600;
const SESSION_SECONDS = 12 * 3600;

const now = () => Math.floor(Date.now() / 1000);

module.exports = function sessions(key, secure) {
	if (typeof key !== "string" || Buffer.byteLength(key) < 32)
		throw new Error("SITE_KEY must be at least 32 characters that nobody can guess: openssl rand -hex 32");
	// With this prefix a browser takes the cookie from nobody else under the domain.
	const name = secure ? "__Host-session" : "session";

	// A signature is good for one purpose only.
	const mac = (purpose, text) =>
		crypto.createHmac("sha256", key).update(`${purpose}\n${text}`).digest("base64url");

	function isMac(given, purpose, text) {
		const a = Buffer.from(String(given));
		const b = Buffer.from(mac(purpose, text));
		return a.length === b.length && crypto.timingSafeEqual(a, b);
	}

	const pack = (purpose, what) => {
		const text = Buffer.from(JSON.stringify(what)).toString("base64url");
		return `${text}.${mac(purpose, text)}`;
	};

	// What was packed, or null if it is not ours or its time is over.
	function unpack(purpose, packed) {
		const [text, given, more] = String(packed ?? "").split(".");
		if (!given || more !== undefined || !isMac(given, purpose, text)) return null;
		const what = JSON.parse(Buffer.from(text, "base64url").toString());
		return what.until > now() ? what : null;
	}

	// A visitor has a session before it is known who it is, so that the form of
	// the sign-in page has a token, too.
	const open = (worker) => ({ id: crypto.randomBytes(16).toString("base64url"), worker, until: now() + SESSION_SECONDS });

	const cookie = (value, seconds) =>
		`${name}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Lax${secure ? "; Secure" : ""}`;

	return {
		// What a mail carries: the path of a link that signs this worker in.
		link: (worker, seconds = LINK_SECONDS) => `/enter/${pack("link", { worker: String(worker), until: now() + seconds })}`,
		// The worker of a link, or null.
		linked: (packed) => unpack("link", packed)?.worker ?? null,

		anonymous: () => open(null),
		// Always a new one: what was known of the session before is worth nothing.
		signedIn: (worker) => open(worker),
		set: (session) => cookie(pack("session", session), SESSION_SECONDS),
		clear: () => cookie("", 0),

		// The session of a request's Cookie header, or null.
		read(header) {
			for (const part of String(header ?? "").split(";")) {
				const at = part.indexOf("=");
				if (at > 0 && part.slice(0, at).trim() === name) {
					const session = unpack("session", part.slice(at + 1).trim());
					if (session) return session;
				}
			}
			return null;
		},

		token: (session) => mac("form", session.id),
		isToken: (session, given) => isMac(given ?? "", "form", session.id),
	};
};
