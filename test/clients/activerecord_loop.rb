# test/clients/activerecord_loop.rb: the loop of loop.sql in ActiveRecord.
#
# Decides nothing about versions: runs on those of Debian 12 and later.

require "active_record"
require "pg"
require "json"
require_relative "check"

puts "# ActiveRecord #{ActiveRecord::VERSION::STRING}, pg #{PG::VERSION}"

ActiveRecord::Base.establish_connection(adapter: "postgresql", host: ENV["PGHOST"], port: ENV["PGPORT"],
  username: ENV["PGUSER"], database: ENV["PGDATABASE"], schema_search_path: "trees,public")

class Worker < ActiveRecord::Base
  self.table_name = "worker"
end

class Gig < ActiveRecord::Base
  self.table_name = "gig"
  attribute :invitation_frequency, :interval
  attribute :answer_within, :interval
end

class Invitation < ActiveRecord::Base
  self.table_name = "invitation"
end

class WorkerInvitation < ActiveRecord::Base
  self.table_name = "worker_invitation"
end

db = ActiveRecord::Base.connection
warnings = []
db.raw_connection.set_notice_processor { |text| warnings << text.lines.first.chomp }

PEOPLE.each { |ref, profile| Worker.create!(ref: ref, profile: profile) }
plant = { title: "Plant trees", url: "https://trees.example/plant", total_seats: 1, filter_query: GERMAN }
gig = Gig.create!(ref: "plant", start_at: TOMORROW, end_at: TWO_HOURS_LATER, **plant)
same "the id is exact", gig.id, 4_000_000_001

matching = db.exec_query("SELECT DISTINCT matching FROM trees.preview($1)", "preview",
  [ActiveRecord::Relation::QueryAttribute.new("filter", GERMAN.to_json, ActiveRecord::Type::String.new)])
same "two match a filter", matching.rows, [[2]]

db.execute("CALL cirro.run_waves('trees')")
same "CALL is in no transaction", warnings, []

ada = WorkerInvitation.where(worker_ref: "ada").to_a
same "ada's list", ada.map { |row| [row.title, row.can_accept] }, [["Plant trees", true]]
# The row that accept() returns is an invitation.
accepted = Invitation.find_by_sql(["SELECT * FROM trees.accept(?)", ada.first.invitation_id]).first
same "ada has accepted", accepted.status, "accepted"

eve = WorkerInvitation.find_by(worker_ref: "eve")
begin
  Invitation.find_by_sql(["SELECT * FROM trees.accept(?)", eve.invitation_id])
  ok "eve's accept fails", false
rescue ActiveRecord::StatementInvalid => e
  result = e.cause.result
  same "eve's accept says what is so and what to do",
    [PG::PG_DIAG_SQLSTATE, PG::PG_DIAG_MESSAGE_PRIMARY, PG::PG_DIAG_MESSAGE_DETAIL, PG::PG_DIAG_MESSAGE_HINT]
      .map { |field| result.error_field(field) },
    ["UG011", "gig 4000000001 is filled", "It has 1 seat.", "Wait until a worker leaves, or raise the seats of the gig."]
end
begin
  Gig.create!(**plant, title: "Ends before it starts", start_at: TWO_HOURS_LATER, end_at: TOMORROW)
  ok "a bad gig fails", false
rescue ActiveRecord::StatementInvalid => e
  result = e.cause.result
  same "a bad gig names its field",
    [PG::PG_DIAG_SQLSTATE, PG::PG_DIAG_SCHEMA_NAME, PG::PG_DIAG_TABLE_NAME, PG::PG_DIAG_COLUMN_NAME,
     PG::PG_DIAG_CONSTRAINT_NAME].map { |field| result.error_field(field) },
    %w[23514 trees gig end_at gig_end_at_check]
end

claimed = db.select_all("SELECT * FROM trees.claim_notifications(100)").to_a
same "what is claimed", claimed.map { |row| row["kind"] }.sort, KINDS
ok "with the exact number", claimed.first["claim"] >= 9_007_199_250_000_001, claimed.first
# A list in the place of ? becomes one of SQL: ARRAY[?].
confirmed = db.select_value(ActiveRecord::Base.sanitize_sql(
  ["SELECT trees.confirm_notifications(?, ARRAY[?])", claimed.first["claim"], claimed.map { |row| row["id"] }]))
same "and confirmed", confirmed, 4

Gig.transaction { db.execute("CALL cirro.run_waves('trees')") }
same "CALL in transaction warns", warnings, ["WARNING:  waves in a transaction block are not committed as they go"]

done
