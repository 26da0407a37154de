// test/clients/sequelize_loop.js: the loop of loop.sql in Sequelize, on
// node-postgres.
const { DataTypes, QueryTypes, Sequelize } = require("sequelize");
const { error, german, kinds, people, run, same, tomorrow, twoHoursLater } = require("./check.js");

run(async () => {
	const warnings = [];
	const sequelize = new Sequelize(process.env.PGDATABASE, process.env.PGUSER, null, {
		dialect: "postgres", host: process.env.PGHOST, logging: false,
		hooks: { afterConnect: (connection) => connection.on("notice", (notice) => warnings.push(notice)) },
	});
	// The tables are cirro's: no sync(). They keep created_at by themselves.
	const table = (tableName, columns) =>
		sequelize.define(tableName, columns, { schema: "trees", tableName, timestamps: false });
	const Worker = table("worker", {
		id: { type: DataTypes.BIGINT, primaryKey: true, autoIncrement: true },
		ref: DataTypes.TEXT,
		profile: DataTypes.JSONB,
	});
	const Gig = table("gig", {
		id: { type: DataTypes.BIGINT, primaryKey: true, autoIncrement: true },
		ref: DataTypes.TEXT,
		title: DataTypes.TEXT,
		url: DataTypes.TEXT,
		start_at: DataTypes.DATE,
		end_at: DataTypes.DATE,
		total_seats: DataTypes.INTEGER,
		filter_query: DataTypes.JSONB,
	});
	const WorkerInvitation = table("worker_invitation", {
		invitation_id: { type: DataTypes.BIGINT, primaryKey: true },
		worker_ref: DataTypes.TEXT,
		title: DataTypes.TEXT,
		can_accept: DataTypes.BOOLEAN,
	});

	await Worker.bulkCreate(people);
	const gig = await Gig.create({
		ref: "plant", title: "Plant trees", url: "https://trees.example/plant",
		start_at: tomorrow, end_at: twoHoursLater, total_seats: 1, filter_query: german,
	});
	same("a bigint comes as a string", gig.id, "4000000001");

	// Replacements are pasted as literals, so an object has to be JSON before.
	const matching = await sequelize.query("SELECT DISTINCT matching FROM trees.preview(:filter)",
		{ replacements: { filter: JSON.stringify(german) }, type: QueryTypes.SELECT });
	same("two match a filter", matching, [{ matching: "2" }]);
	const bound = await sequelize.query("SELECT DISTINCT matching FROM trees.preview($1)",
		{ bind: [german], type: QueryTypes.SELECT });
	same("and one that is bound", bound, [{ matching: "2" }]);
	const pasted = await sequelize.query("SELECT ARRAY[:ids] AS ids",
		{ replacements: { ids: [7, 8] }, type: QueryTypes.SELECT });
	same("an array among the replacements is a list", pasted, [{ ids: [7, 8] }]);

	await sequelize.query("CALL cirro.run_waves(:space)", { replacements: { space: "trees" } });
	same("CALL is in no transaction", warnings, []);

	const list = await WorkerInvitation.findAll({ where: { worker_ref: "ada" } });
	same("ada's list", list.map((row) => [row.title, row.can_accept]), [["Plant trees", true]]);
	const accept = (id) => sequelize.query("SELECT * FROM trees.accept($1)", { bind: [id], type: QueryTypes.SELECT });
	const [accepted] = await accept(list[0].invitation_id);
	same("ada has accepted", accepted.status, "accepted");

	const eve = await WorkerInvitation.findOne({ where: { worker_ref: "eve" } });
	const filled = await error(accept(eve.invitation_id));
	const { code, detail, hint } = filled.parent;
	same("eve's accept says what is so and what to do", [filled.name, filled.message, code, detail, hint],
		["SequelizeDatabaseError", "gig 4000000001 is filled", "UG011", "It has 1 seat.",
			"Wait until a worker leaves, or raise the seats of the gig."]);
	const { parent } = await error(Gig.create({
		title: "Ends before it starts", url: "https://trees.example/plant",
		start_at: twoHoursLater, end_at: tomorrow, total_seats: 1, filter_query: german,
	}));
	same("a bad gig names its field", [parent.code, parent.table, parent.column, parent.constraint],
		["23514", "gig", "end_at", "gig_end_at_check"]);

	const claimed = await sequelize.query("SELECT * FROM trees.claim_notifications(100)", { type: QueryTypes.SELECT });
	same("what is claimed", claimed.map((row) => row.kind).sort(), kinds);
	const [confirmed] = await sequelize.query("SELECT trees.confirm_notifications($1, $2) AS number",
		{ bind: [claimed[0].claim, claimed.map((row) => row.id)], type: QueryTypes.SELECT });
	same("is confirmed, with strings as they came", confirmed.number, 4);

	await sequelize.transaction((transaction) => sequelize.query("CALL cirro.run_waves('trees')", { transaction }));
	same("CALL in transaction() warns", warnings.map((warning) => [warning.severity, warning.code]), [["WARNING", "25001"]]);
	await sequelize.close();
});
