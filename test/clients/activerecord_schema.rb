# test/clients/activerecord_schema.rb: what ActiveRecord makes of a Space: the dump of
# `rails db:schema:dump`, and rows made by models that declare next to nothing.
#
# Decides nothing about versions: runs on those of Debian 12 and later.

require "active_record"
require "pg"
require "stringio"
require_relative "check"

def connect(space)
  ActiveRecord::Base.establish_connection(adapter: "postgresql", host: ENV["PGHOST"], port: ENV["PGPORT"],
    username: ENV["PGUSER"], database: ENV["PGDATABASE"], schema_search_path: space)
end

def dump
  out = StringIO.new
  ActiveRecord::SchemaDumper.dump(*dumped_from, out)
  out.string
end

# A connection until Rails 7.1, a pool of them since 7.2.
def dumped_from
  [ActiveRecord::VERSION::STRING >= "7.2" ? ActiveRecord::Base.connection_pool : ActiveRecord::Base.connection]
end

# The lines of a table, by name.
def tables(text)
  text.scan(/^  create_table "([^"]*)"(.*?)^  end$/m).to_h
end

puts "# ActiveRecord #{ActiveRecord::VERSION::STRING}, pg #{PG::VERSION}"

connect("trees")
text = dump
same "only gig_filter and gig_key could not be dumped", text.scan(/Could not dump table "([^"]*)"/).flatten, ["gig_filter", "gig_key"]
found = tables(text)
%w[attempt consumer event gig gig_state invitation look notification setting wave worker].each do |table|
  ok "#{table} is dumped", found.key?(table)
end
gig = found.fetch("gig", "")
{
  "invitation_mode" => /t\.text "invitation_mode", default: "auto", null: false/,
  "created_at" => /t\.\w+ "created_at"(?:, precision: nil)?, default: -> \{ "cirro\.now\(\)" \}, null: false/,
  "invitation_multiplier" => /t\.decimal "invitation_multiplier"(?!.*null: false)/,
  "invitation_frequency" => /t\.interval "invitation_frequency"(?!.*null: false)/,
  "sort_query" => /t\.jsonb "sort_query"(?!.*null: false)/,
}.each { |column, line| ok "the dump has the default of gig.#{column}", gig.match?(line), gig }
same "no gig column is generated", gig.scan(/t\.virtual.*/), []
same "every check constraint is dumped with its expression", text.scan(/.*check_constraint nil.*/), []
ok "and neither view nor function nor trigger", !text.gsub(/comment: "(?:\\.|[^"\\])*"/, "").match?(/worker_invitation|function|trigger/i)
puts text if $failed

# What db:structure:dump writes, where schema_format is :sql: by pg_dump, of the
# schemas in the search path, unless dump_schemas says otherwise.
def structure(schemas)
  if ActiveRecord.respond_to?(:dump_schemas)
    ActiveRecord.dump_schemas = schemas
  else
    ActiveRecord::Base.dump_schemas = schemas
  end
  ActiveRecord::Tasks::DatabaseTasks.structure_dump(ActiveRecord::Base.connection_db_config, "structure.sql")
  File.read("structure.sql")
end

{ schema_search_path: false, all: true }.each do |schemas, extension|
  sql = structure(schemas)
  ok "structure.sql has the functions, with #{schemas}", sql.include?("CREATE FUNCTION trees.accept(")
  same "and the extension", sql.include?("CREATE EXTENSION IF NOT EXISTS cirro"), extension
end

class Worker < ActiveRecord::Base; self.table_name = "worker"; end
class Gig < ActiveRecord::Base
  self.table_name = "gig"
  # As Rails 7 has it without a word; before, the choice is asked for.
  attribute :invitation_frequency, :interval
  attribute :answer_within, :interval
end
class Invitation < ActiveRecord::Base; self.table_name = "invitation"; end
class Consumer < ActiveRecord::Base; self.table_name = "consumer"; end

REQUIRED = { title: "Plant", url: "https://trees.example/1", start_at: Time.now + 86_400, end_at: Time.now + 90_000,
             total_seats: 2, filter_query: {} }.freeze

def refused(name, error)
  yield
  ok(name, false, "no error")
rescue error
  ok(name, true)
rescue StandardError => e
  ok(name, false, e.full_message)
end

gig = Gig.create!(REQUIRED).reload
ok "a gig of the required fields has an id", gig.id.to_i > 0
same "it has the defaults", [gig.invitation_mode, gig.invitation_multiplier, gig.invitation_frequency],
  ["auto", 10, 5.minutes]
ok "and its time", (Time.now - gig.created_at).abs < 600, gig.created_at
same "its filter is the object given", gig.filter_query, {}
refused("without a title it is refused", ActiveRecord::NotNullViolation) { Gig.create!(REQUIRED.except(:title)) }
refused("without seats it is refused", ActiveRecord::StatementInvalid) { Gig.create!(REQUIRED.except(:total_seats)) }
gig.update!(title: "Plant more", sort_query: [{ rating: -1 }])
same "a change is written", gig.reload.then { |g| [g.title, g.sort_query] }, ["Plant more", [{ "rating" => -1 }]]

worker = Worker.create!(profile: { languages: ["de"] }).reload
same "a worker of a profile alone is active", worker.active, true
invitation = Invitation.create!(gig_id: gig.id, worker_id: worker.id).reload
same "an invitation of the two ids alone is pending", [invitation.status, invitation.origin], %w[pending manual]
invitation.update!(status: "accepted")
same "an answer is a change of status", invitation.reload.status, "accepted"
same "a consumer has a name alone", Consumer.create!(name: "rails").reload.kinds, nil

{ "ponds" => ["bigint", 2**40], "houses" => ["uuid", "e58ed763-928c-4155-bee9-fdbaaadc15f3"] }.each do |space, (type, ref)|
  connect(space)
  [Gig, Worker].each(&:reset_column_information)
  refs = tables(dump).values_at("gig", "worker").map { |t| t.to_s[/t\.(\w+) "ref"/, 1] }
  same "with ref_type #{type} the dump says so", refs, [type, type]
  same "and a gig keeps its ref", Gig.create!(REQUIRED.merge(ref: ref)).reload.ref, ref
end

done
