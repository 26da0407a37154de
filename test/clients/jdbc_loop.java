// test/clients/jdbc_loop.java: the loop of loop.sql in JDBC.
//
// Its first argument is the URL of the database.
import java.sql.*;
import java.time.*;
import java.util.*;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

class JdbcLoop {
	static boolean failed = false;

	static void same(String name, Object got, Object expected) {
		boolean good = Objects.equals(got, expected);
		System.out.println((good ? "ok" : "not ok") + " - " + name);
		if (!good) {
			failed = true;
			System.out.println("got " + got + ", expected " + expected);
		}
	}

	interface Work {
		void run() throws SQLException;
	}

	static ServerErrorMessage error(Work work) throws SQLException {
		try {
			work.run();
		} catch (PSQLException e) {
			return e.getServerErrorMessage();
		}
		throw new SQLException("no error");
	}

	static final String GERMAN = "{\"languages\": \"de\", \"rating\": {\"$gte\": 4}}";
	static final OffsetDateTime TOMORROW = OffsetDateTime.now(ZoneOffset.UTC).plusDays(1);
	static final OffsetDateTime TWO_HOURS_LATER = TOMORROW.plusHours(2);

	static long invitation(Connection connection, String ref) throws SQLException {
		try (PreparedStatement list = connection.prepareStatement(
				"SELECT invitation_id, can_accept FROM trees.worker_invitation WHERE worker_ref = ?")) {
			list.setString(1, ref);
			ResultSet row = list.executeQuery();
			row.next();
			same(ref + "'s list", row.getBoolean("can_accept"), true);
			return row.getLong("invitation_id");
		}
	}

	static String accept(Connection connection, long id) throws SQLException {
		try (PreparedStatement accept = connection.prepareStatement("SELECT * FROM trees.accept(?)")) {
			accept.setLong(1, id);
			ResultSet row = accept.executeQuery();
			row.next();
			return row.getString("status");
		}
	}

	static long insertGig(Connection connection, String ref, String title, OffsetDateTime from, OffsetDateTime to)
			throws SQLException {
		try (PreparedStatement insert = connection.prepareStatement(
				"INSERT INTO trees.gig (ref, title, url, start_at, end_at, total_seats, filter_query)"
				+ " VALUES (?, ?, 'https://trees.example/plant', ?, ?, 1, ?::jsonb) RETURNING id")) {
			insert.setString(1, ref);
			insert.setString(2, title);
			insert.setObject(3, from);
			insert.setObject(4, to);
			insert.setString(5, GERMAN);
			ResultSet row = insert.executeQuery();
			row.next();
			return row.getLong(1);
		}
	}

	public static void main(String[] arguments) throws SQLException {
		// With 0 it prepares no statement on the server, where others might meet it.
		String url = arguments[0] + (System.getenv("POOLED") != null ? "&prepareThreshold=0" : "");
		Connection connection = DriverManager.getConnection(url);
		System.out.println("# pgjdbc " + connection.getMetaData().getDriverVersion());

		// A String is a varchar, which goes into a jsonb column by a cast alone.
		try (PreparedStatement insert = connection.prepareStatement(
				"INSERT INTO trees.worker (ref, profile) VALUES (?, ?::jsonb)")) {
			for (String[] person : new String[][] {
					{ "ada", "{\"name\": \"Ada\", \"languages\": [\"de\", \"en\"], \"rating\": 4.5}" },
					{ "bob", "{\"name\": \"Bob\", \"languages\": [\"fr\"], \"rating\": 5}" },
					{ "eve", "{\"name\": \"Eve\", \"languages\": [\"de\"], \"rating\": 4}" } }) {
				insert.setString(1, person[0]);
				insert.setString(2, person[1]);
				insert.addBatch();
			}
			insert.executeBatch();
		}
		ServerErrorMessage uncast = error(() -> {
			try (PreparedStatement insert = connection.prepareStatement("INSERT INTO trees.worker (profile) VALUES (?)")) {
				insert.setString(1, "{}");
				insert.execute();
			}
		});
		same("without it there is an error", uncast.getSQLState(), "42804");
		same("the id is exact", insertGig(connection, "plant", "Plant trees", TOMORROW, TWO_HOURS_LATER), 4000000001L);

		// A parameter that is a filter wants none.
		try (PreparedStatement preview = connection.prepareStatement("SELECT DISTINCT matching FROM trees.preview(?)")) {
			preview.setString(1, GERMAN);
			ResultSet row = preview.executeQuery();
			row.next();
			same("two match a filter", row.getLong(1), 2L);
		}

		try (Statement call = connection.createStatement()) {
			call.execute("CALL cirro.run_waves('trees')");
			same("CALL is in no transaction", call.getWarnings(), null);
		}
		try (PreparedStatement call = connection.prepareStatement("CALL cirro.run_waves(?)")) {
			call.setString(1, "trees");
			call.execute();
			same("nor with a parameter", call.getWarnings(), null);
		}

		long ada = invitation(connection, "ada");
		long eve = invitation(connection, "eve");
		same("ada has accepted", accept(connection, ada), "accepted");
		ServerErrorMessage filled = error(() -> accept(connection, eve));
		same("eve's accept says what is so and what to do",
			List.of(filled.getSQLState(), filled.getMessage(), filled.getDetail(), filled.getHint()),
			List.of("UG011", "gig 4000000001 is filled", "It has 1 seat.",
				"Wait until a worker leaves, or raise the seats of the gig."));
		ServerErrorMessage bad = error(() ->
			insertGig(connection, null, "Ends before it starts", TWO_HOURS_LATER, TOMORROW));
		same("a bad gig names its field",
			List.of(bad.getSQLState(), bad.getSchema(), bad.getTable(), bad.getColumn(), bad.getConstraint()),
			List.of("23514", "trees", "gig", "end_at", "gig_end_at_check"));

		long claim = 0;
		List<Long> ids = new ArrayList<>();
		List<String> kinds = new ArrayList<>();
		try (Statement statement = connection.createStatement()) {
			ResultSet row = statement.executeQuery("SELECT * FROM trees.claim_notifications(100)");
			while (row.next()) {
				claim = row.getLong("claim");
				ids.add(row.getLong("id"));
				kinds.add(row.getString("kind"));
			}
		}
		Collections.sort(kinds);
		same("what is claimed", kinds,
			List.of("gig.filled", "invitation.created", "invitation.created", "invitation.updated"));
		same("with the exact number", claim >= 9007199250000001L, true);
		try (PreparedStatement confirm = connection.prepareStatement("SELECT trees.confirm_notifications(?, ?)")) {
			confirm.setLong(1, claim);
			confirm.setArray(2, connection.createArrayOf("bigint", ids.toArray()));
			ResultSet row = confirm.executeQuery();
			row.next();
			same("and confirmed", row.getInt(1), 4);
		}

		// In its default mode the escape makes a SELECT, which calls no procedure.
		ServerErrorMessage escape = error(() -> {
			try (CallableStatement call = connection.prepareCall("{call cirro.run_waves(?)}")) {
				call.setString(1, "trees");
				call.execute();
			}
		});
		same("{call ...} fails", escape.getSQLState(), "42809");
		try (Connection other = DriverManager.getConnection(url + "&escapeSyntaxCallMode=callIfNoReturn");
				CallableStatement call = other.prepareCall("{call cirro.run_waves(?)}")) {
			call.setString(1, "trees");
			call.execute();
			same("but not with escapeSyntaxCallMode=callIfNoReturn", call.getWarnings(), null);
		}

		connection.setAutoCommit(false);
		try (Statement call = connection.createStatement()) {
			call.execute("CALL cirro.run_waves('trees')");
			SQLWarning warning = call.getWarnings();
			same("without autocommit CALL warns", List.of(warning.getSQLState(), warning.getMessage()),
				List.of("25001", "waves in a transaction block are not committed as they go"));
		}
		connection.commit();
		connection.close();
		System.exit(failed ? 1 : 0);
	}
}
