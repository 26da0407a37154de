-- test/demo/minute.sql: one minute on the simulated clock, given as :minute.
--
-- Decides the order: the tick, then the workers' answers, then what was seen.
-- Must do to the Space only what an application does: one call for one answer.
SET cirro.clock = :'minute';
CALL cirro.run_waves('crowd');
\o /dev/null
SELECT call FROM demo.answer \gexec
\o
SELECT line FROM demo.news;
