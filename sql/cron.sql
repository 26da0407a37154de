--
-- cron: what is said where pg_cron cannot be used
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
CREATE ROLE regress_cirro_other;
CREATE ROLE regress_cirro_owner;
SELECT cirro.create_space('cirro_cron', 'regress_cirro_owner');
RESET client_min_messages;

SELECT cirro.schedule_waves();
SELECT cirro.schedule_waves('cirro_cron', NULL);
SELECT cirro.unschedule_waves();
SELECT cirro.schedule_waves('cirro_no_such_space');
SET ROLE regress_cirro_other;
SELECT cirro.schedule_waves('cirro_cron');
-- all Spaces that it may run are none: a job would do nothing for ever
SELECT cirro.schedule_waves();
SET ROLE regress_cirro_owner;
SELECT cirro.schedule_waves();
RESET ROLE;

-- it lives in another database; the hint is the statement to run there
SET cron.database_name = 'regress_cirro_elsewhere';
SELECT cirro.schedule_waves();
SELECT cirro.schedule_waves('cirro_cron', '*/5 * * * *');
-- how long a call goes on: said, or as long as there is no other for all Spaces
SELECT cirro.schedule_waves('cirro_cron', during => '1 minute 1500 ms');
SELECT cirro.schedule_waves(NULL, '*/5 * * * *');
SELECT cirro.schedule_waves(schedule => NULL);
SELECT cirro.schedule_waves(during => '0');
SELECT cirro.unschedule_waves('cirro_cron');
RESET cron.database_name;

SET client_min_messages = warning;
DROP SCHEMA cirro_cron CASCADE;
DROP ROLE regress_cirro_other, regress_cirro_owner;
