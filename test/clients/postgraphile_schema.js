// test/clients/postgraphile_schema.js: the GraphQL API that PostGraphile makes of a
// Space asks for a gig's required fields alone, and creates one with them.
const { createPostGraphileSchema, withPostGraphileContext } = require("postgraphile");
const { graphql, isNonNullType } = require("graphql");
const { Pool } = require("pg");
const { ok, same } = require("./check.js");

const named = (schema, type) => {
	const fields = schema.getType(type).getFields();
	return Object.keys(fields).filter((name) => isNonNullType(fields[name].type));
};

const create = `mutation ($gig: GigInput!) {
	createGig(input: { gig: $gig }) { gig { id title invitationMode invitationFrequency { minutes } filterQuery createdAt } }
}`;

async function main() {
	const pool = new Pool();
	console.log(`# PostGraphile ${require("postgraphile/package.json").version}`);
	const schema = await createPostGraphileSchema(pool, ["trees"]);
	same("createGig asks for the required fields alone", named(schema, "GigInput"),
		["title", "url", "startAt", "endAt", "filterQuery"]);
	same("createInvitation for the two ids", named(schema, "InvitationInput"), ["gigId", "workerId"]);
	same("createConsumer for a name", named(schema, "ConsumerInput"), ["name"]);
	same("createWorker for nothing", named(schema, "WorkerInput"), []);

	const gig = {
		title: "Plant", url: "https://trees.example/1",
		startAt: new Date(Date.now() + 86400000).toISOString(), endAt: new Date(Date.now() + 90000000).toISOString(),
		totalSeats: 2, filterQuery: "{}",
	};
	const run = (variables) => withPostGraphileContext({ pgPool: pool },
		(context) => graphql(schema, create, null, { ...context }, variables));
	const { data, errors } = await run({ gig });
	ok("it creates a gig of them", !errors && Number(data.createGig.gig.id) > 0, errors);
	if (!errors) {
		const made = data.createGig.gig;
		same("with the defaults", [made.invitationMode, made.invitationFrequency.minutes, made.filterQuery], ["auto", 5, "{}"]);
		ok("and its time", Math.abs(new Date(made.createdAt) - Date.now()) < 600000, made.createdAt);
	}
	const { title, ...untitled } = gig;
	ok("without a title it is refused", (await run({ gig: untitled })).errors?.[0].message.includes("title"));
	ok("a misspelt field is refused", (await run({ gig: { ...gig, titel: "Plant" } })).errors?.[0].message.includes("titel"));

	for (const [space, type] of [["ponds", "BigInt"], ["houses", "UUID"]]) {
		const other = await createPostGraphileSchema(pool, [space]);
		same(`the ref of a gig in ${space} is a ${type}`, String(other.getType("GigInput").getFields().ref.type), type);
	}
	await pool.end();
}

main().catch((error) => ok("all of it runs", false, error));
