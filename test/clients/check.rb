# test/clients/check.rb: what the scripts of this folder say of each check, in
# Ruby, and who takes part in the loop. Must not end the script: a check that
# fails is told and the rest runs, so that one run shows all that a tool stumbles
# over.

$stdout.sync = true
$failed = false

def ok(name, good, told = nil)
  puts "#{good ? "ok" : "not ok"} - #{name}"
  return if good
  $failed = true
  puts told if told
end

def same(name, got, expected)
  ok(name, got == expected, "got #{got.inspect}, expected #{expected.inspect}")
end

def done
  exit($failed ? 1 : 0)
end

# What loop.sql asks for.
PEOPLE = { "ada" => { "name" => "Ada", "languages" => ["de", "en"], "rating" => 4.5 },
           "bob" => { "name" => "Bob", "languages" => ["fr"], "rating" => 5 },
           "eve" => { "name" => "Eve", "languages" => ["de"], "rating" => 4 } }.freeze
GERMAN = { "languages" => "de", "rating" => { "$gte" => 4 } }.freeze
TOMORROW = Time.now + 86_400
TWO_HOURS_LATER = TOMORROW + 7200
KINDS = ["gig.filled", "invitation.created", "invitation.created", "invitation.updated"].freeze
