-- One line a rule: filter, document, T matches, F does not, E is refused.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS cirro;
RESET client_min_messages;

CREATE TEMP TABLE rule (id serial, filter text, doc jsonb, expect text);
COPY rule (filter, doc, expect) FROM STDIN (FORMAT csv, DELIMITER ';', QUOTE '~');
{};{"a":1};T
{};[];T
{};5;T
{"a":1};5;F
{"a":1,"b":2};{"a":1};F
{"a":1,"b":2};{"a":1,"b":2,"c":3};T
{"a":{"b":1}};{"a":{"b":1}};T
{"a":{"b":1}};{"a":{"b":1,"c":1}};F
{"a":{}};{"a":{}};T
{"a":{}};{"a":{"b":1}};F
{"a":{"$gt":1,"$lt":5}};{"a":3};T
{"a":{"$gt":3,"$lt":5}};{"a":[2,9]};T
{"a":{"$gt":1,"b":2}};{};E
{"a":{"b":2,"$gt":1}};{};E
{"$gt":1};{};E
{"$or":[]};{};E
{"$and":{}};{};E
{"$nor":[{"a":1},{"b":1}]};{"c":1};T
{"$nor":[{"a":1},{"b":1}]};{"b":1};F
{"$and":[{"a":1},{"b":1}]};{"b":1};F
{"$or":[{"a":1},{"b":1}],"c":1};{"b":1,"c":1};T
{"a":{"$or":[{"b":1}]}};{};E
{"$or":[{},{"a":{"$foo":1}}]};{};E
{"a.b":1};{"a":{"b":1}};T
{"a.b":{"$exists":false}};{"a":5};T
{"a.b":null};{"a":5};T
{"a.b":2};{"a":[{"b":1},{"b":2}]};T
{"a.b":1};{"a":[[{"b":1}]]};F
{"a.1.b":2};{"a":[{"b":1},{"b":2}]};T
{"a.1":4};{"a":[{"1":4},5]};T
{"a.01":5};{"a":[4,5]};F
{"a.2021":3};{"a":{"2021":3}};T
{"a.0.b":1};{"a":[[{"b":1}]]};T
{"a.0.0":1};{"a":[[1]]};T
{"a.0.0.0":1};{"a":[[1]]};F
{"a.9":null};{"a":[1]};F
{"a.9":{"$exists":false}};{"a":[1]};T
{"":1};{"":1};T
{"a.":1};{"a":{"":1}};T
{"a":2};{"a":[1,2]};T
{"a":[1,2]};{"a":[1,2]};T
{"a":[1,2]};{"a":[[1,2],3]};T
{"a":1};{"a":[[1]]};F
{"a.1":8};{"a":[7,[8]]};F
{"a.1":[8]};{"a":[7,[8]]};T
{"a":1};{"a":1.0};T
{"a":1.50};{"a":1.5};T
{"a":1e3};{"a":1000};T
{"a":-0};{"a":0};T
{"a":12345678901234567890.123456789};{"a":12345678901234567890.123456789};T
{"a":12345678901234567890.123456789};{"a":12345678901234567890.12345678};F
{"a":{"$lt":1e999}};{"a":1e998};T
{"a":{"$lt":1e300}};{"a":1e1000};F
{"a":1};{"a":"1"};F
{"a":1};{"a":true};F
{"a":true};{"a":true};T
{"a":true};{"a":false};F
{"a":[1,2]};{"a":[2,1]};F
{"a":{"b":1,"c":2}};{"a":{"c":2,"b":1}};T
{"a":{"b":{"c":[1,{"d":null}]}}};{"a":{"b":{"c":[1.0,{"d":null}]}}};T
{"a":null};{};T
{"a":null};{"a":[1,null]};T
{"a":null};{"a":[]};F
{"a":null};{"a":0};F
{"a.b":null};{"a":[{"b":1},{}]};T
{"a.b":null};{"a":[1,2]};F
{"a.b":{"$ne":null}};{"a":[]};T
{"a":{"$ne":1}};{};T
{"a":{"$ne":1}};{"a":[1,2]};F
{"a":{"$not":{"$gt":5}}};{"a":"x"};T
{"a":{"$not":{"$gt":5}}};{"a":[1,9]};F
{"a":{"$not":{"$gt":5,"$lt":3}}};{"a":4};T
{"a":{"$not":{"$not":{"$gt":5}}}};{"a":6};T
{"a":{"$not":{"$regex":"^x"}}};{"a":"y"};T
{"a":{"$not":{}}};{};E
{"a":{"$not":5}};{};E
{"a":{"$gt":5}};{"a":"9"};F
{"a":{"$lt":"5"}};{"a":4};F
{"a":{"$gt":false}};{"a":true};T
{"a":{"$gte":true}};{"a":false};F
{"a":{"$lt":"a"}};{"a":"B"};T
{"a":{"$lt":"ab"}};{"a":"a"};T
{"a":{"$gt":"z"}};{"a":"é"};T
{"a":{"$gte":null}};{};T
{"a":{"$lte":null}};{"a":null};T
{"a":{"$lte":null}};{"a":1};F
{"a":{"$gt":null}};{"a":1};F
{"a":{"$lt":null}};{};F
{"a":{"$gt":[1,2]}};{"a":[1,3]};T
{"a":{"$lt":[1,2]}};{"a":[1]};T
{"a":{"$gt":[5]}};{"a":["x"]};T
{"a":{"$gt":[true]}};{"a":[[9]]};F
{"a":{"$gt":["x"]}};{"a":[{}]};T
{"a":{"$gt":[{}]}};{"a":[[]]};T
{"a":{"$lt":[1]}};{"a":[null]};T
{"a":{"$in":[1,2]}};{"a":[2,3]};T
{"a":{"$in":[1,2]}};{"a":3};F
{"a":{"$in":[9,"b",null,true,[1],{"x":1},3,3.0]}};{"a":{"x":1}};T
{"a":{"$in":[9,"b",null,true,[1],{"x":1},3]}};{"a":false};F
{"a":{"$in":[null]}};{};T
{"a":{"$in":[[1,2]]}};{"a":[1,2]};T
{"a":{"$in":[]}};{"a":[]};F
{"a":{"$nin":[]}};{};T
{"a":{"$nin":[1]}};{"a":[1,2]};F
{"a":{"$nin":[null]}};{};F
{"a":{"$in":[{"$gt":1}]}};{};E
{"a":{"$in":5}};{};E
{"a":{"$all":[2,1,1]}};{"a":[1,2,3]};T
{"a":{"$all":[5]}};{"a":5};T
{"a":{"$all":[5,6]}};{"a":5};F
{"a":{"$all":[]}};{"a":[]};F
{"a":{"$not":{"$all":[]}}};{"a":[]};T
{"a":{"$all":[null]}};{};T
{"a":{"$all":[[1,2]]}};{"a":[1,2]};T
{"a":{"$all":[{"$elemMatch":{"b":1}},{"$elemMatch":{"c":2}}]}};{"a":[{"b":1},{"c":2}]};T
{"a":{"$all":[{"$elemMatch":{"b":1}},1]}};{};E
{"a":{"$size":2}};{"a":[[1,2]]};F
{"a.0":{"$size":2}};{"a":[[1,2]]};T
{"a":{"$size":2.0}};{"a":[1,2]};T
{"a":{"$size":0}};{"a":[]};T
{"a":{"$size":1}};{"a":"x"};F
{"a":{"$size":1e20}};{"a":[]};F
{"a":{"$size":-1}};{};E
{"a":{"$size":1.5}};{};E
{"a":{"$elemMatch":{"b":1,"c":2}}};{"a":[{"b":1},{"c":2}]};F
{"a":{"$elemMatch":{"b":1,"c":2}}};{"a":[{"b":1,"c":2}]};T
{"a":{"$elemMatch":{"$gt":3,"$lt":5}}};{"a":[2,9]};F
{"a":{"$elemMatch":{"$gt":3,"$lt":5}}};{"a":[2,4]};T
{"a":{"$elemMatch":{"$gt":3}}};{"a":[[4]]};F
{"a":{"$elemMatch":{"0":4}}};{"a":[[4]]};T
{"a":{"$elemMatch":{"b":null}}};{"a":[[4]]};T
{"a":{"$elemMatch":{"b":null}}};{"a":[4]};F
{"a":{"$elemMatch":{"b":1}}};{"a":{"b":1}};F
{"a":{"$elemMatch":{}}};{"a":[1,{}]};T
{"a":{"$elemMatch":{}}};{"a":[1]};F
{"a":{"$elemMatch":{"$elemMatch":{"$gt":3}}}};{"a":[[1],[4]]};T
{"a":{"$elemMatch":{"$or":[{"b":1},{"c":1}],"d":1}}};{"a":[{"c":1,"d":1}]};T
{"a":{"$elemMatch":{"$not":{"$gt":3}}}};{"a":[4,1]};T
{"a":{"$elemMatch":{"$exists":true}}};{"a":[null]};T
{"a":{"$elemMatch":{"$gt":1,"b":1}}};{};E
{"a":{"$elemMatch":[]}};{};E
{"a":{"$exists":true}};{"a":null};T
{"a":{"$exists":true}};{"a":[]};T
{"a":{"$exists":false}};{"a":[]};F
{"a":{"$exists":0}};{};T
{"a":{"$exists":-3.5}};{"a":1};T
{"a":{"$exists":"no"}};{};E
{"a":{"$type":"null"}};{};F
{"a":{"$type":"number"}};{"a":["x",1]};T
{"a":{"$type":"array"}};{"a":[]};T
{"a":{"$type":4}};{"a":[1]};T
{"a":{"$type":["string",8]}};{"a":true};T
{"a":{"$type":["string",8]}};{"a":false};T
{"a":{"$type":["string",8]}};{"a":null};F
{"a":{"$type":10.0}};{"a":null};T
{"a":{"$type":[]}};{};E
{"a":{"$type":"float"}};{};E
{"a":{"$type":""}};{};E
{"a":{"$type":1}};{};E
{"a":{"$regex":"5"}};{"a":5};F
{"a":{"$regex":"^b"}};{"a":["abc","bc"]};T
{"a":{"$regex":"a.b"}};{"a":"a\nb"};F
{"a":{"$regex":"a.b","$options":"s"}};{"a":"a\nb"};T
{"a":{"$regex":"^b$"}};{"a":"a\nb"};F
{"a":{"$regex":"^B$","$options":"im"}};{"a":"a\nb"};T
{"a":{"$regex":"^.*$","$options":"sm"}};{"a":"a\nb"};T
{"a":{"$regex":"a b # note","$options":"x"}};{"a":"ab"};T
{"a":{"$regex":"(?i)(?m)^B"}};{"a":"a\nb"};T
{"a":{"$regex":"(?i)","$options":""}};{"a":""};T
{"a":{"$regex":"(?:b|c)"}};{"a":"c"};T
{"a":{"$regex":"(?q)a"}};{};E
{"a":{"$regex":"(?i)(?q)a"}};{};E
{"a":{"$regex":"***=a"}};{};E
{"a":{"$regex":"(?i)***=a"}};{};E
{"a":{"$options":"i"}};{};E
{"a":{"$regex":"a","$options":"g"}};{};E
{"a":{"$regex":"("}};{};E
{"a":{"$regex":"(a)\\1"}};{};E
{"a":{"$regex":5}};{};E
{"a":{"$mod":[2,1]}};{"a":5.9};T
{"a":{"$mod":[2.9,1.9]}};{"a":5};T
{"a":{"$mod":[3,-1]}};{"a":-7};T
{"a":{"$mod":[3,1]}};{"a":[9,10]};T
{"a":{"$mod":[2,0]}};{"a":"4"};F
{"a":{"$mod":[2,0]}};{"a":1e30};F
{"a":{"$mod":[2,0]}};{"a":1e-30};T
{"a":{"$mod":[-1,0]}};{"a":-9223372036854775808};T
{"a":{"$mod":[2,0]}};{"a":9223372036854775808};F
{"a":{"$mod":[9223372036854775807,7]}};{"a":7};T
{"a":{"$mod":[-9223372036854775808,0]}};{"a":-9223372036854775808};T
{"a":{"$mod":[9223372036854775808,7]}};{};E
{"a":{"$mod":[0,1]}};{};E
{"a":{"$mod":[0.5,1]}};{};E
{"a":{"$mod":[1]}};{};E
{"$where":"1"};{};E
{"$expr":{}};{};E
{"a":{"$bitsAllSet":1}};{};E
{"a":{"$eq":{"$gt":1}}};{};E
{"a":{"b":{"$gt":1}}};{};E
{"a":1,"a":2};{};E
{"a":"\u00e9\ud83d\ude00"};{"a":"é😀"};T
{"\u0061":"\n\"\\"};{"a":"\n\"\\"};T
\.

CREATE FUNCTION pg_temp.answer(filter text, doc jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN CASE WHEN doc OPERATOR(cirro.@@) filter::cirro.filter_query THEN 'T' ELSE 'F' END;
EXCEPTION WHEN invalid_text_representation THEN
	RETURN 'E';
END $$;

SELECT id, filter, doc, expect, pg_temp.answer(filter, doc) FROM rule
WHERE pg_temp.answer(filter, doc) IS DISTINCT FROM expect ORDER BY id;
SELECT expect, count(*) FROM rule GROUP BY 1 ORDER BY 1;

-- Regular expressions: no blow-up, and a cancel works.
SELECT doc OPERATOR(cirro.@@) filter::cirro.filter_query AS matches
FROM (VALUES (jsonb_build_object('a', repeat('a', 5000) || 'c'), '{"a": {"$regex": "^(a*)*b"}}'),
             (jsonb_build_object('a', repeat('x', 5000)), '{"a": {"$regex": "(x+x+)+y"}}'),
             (jsonb_build_object('a', repeat('x', 1048576) || 'y'), '{"a": {"$regex": "y"}}'),
             (jsonb_build_object('a', repeat('x', 1048575) || 'y'), '{"a": {"$regex": "y"}}')) v (doc, filter);
SET statement_timeout = '200ms';
SELECT count(*) FROM generate_series(1, 1000000) i
WHERE jsonb_build_object('a', repeat('ab', 50000) || i)
      OPERATOR(cirro.@@) '{"a": {"$regex": "(a|b|ab)*(ba|bb)*[^0-9]x"}}';
RESET statement_timeout;

-- Documents of any size and depth.
SELECT d OPERATOR(cirro.@@) '{"a": {"$gt": [[[1]]]}}' AS deep_array,
       d OPERATOR(cirro.@@) '{"a.0.0.0.0.0.0.0.0": {"$exists": true}}' AS deep_path,
       o OPERATOR(cirro.@@) '{"a.a.a": {"$type": "object"}}' AS deep_object
FROM (SELECT ('{"a":' || repeat('[', 5000) || repeat(']', 5000) || '}')::jsonb AS d,
             (repeat('{"a":', 5000) || '1' || repeat('}', 5000))::jsonb AS o) x;
CREATE TEMP TABLE big (profile jsonb);
INSERT INTO big SELECT jsonb_build_object('id', i, 'text', string_agg(md5(i::text || j), ' '), 'list', jsonb_agg(j))
FROM generate_series(1, 3) i, generate_series(1, 20000) j GROUP BY i;
SELECT count(*) FROM big b WHERE b OPERATOR(cirro.@@) '{"id": {"$gte": 2}, "list": 20000}';
SELECT count(*) FROM big b WHERE b OPERATOR(cirro.@@) '{"list.19999": 20000, "list": {"$size": 20000}}';

-- The ways through a path do not multiply without bound.
SELECT (repeat('[{"0":', 40) || '1' || repeat('}]', 40))::jsonb
       OPERATOR(cirro.@@) '{"0.0.0.0.0.0.0.0": 2}' AS crossing;
