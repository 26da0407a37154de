/*-------------------------------------------------------------------------
 * src/index/profile_key.c
 *
 * Decides which keys a document has. Index search, estimates and the
 * evaluator agree only as long as the walk here emits a key for each value
 * that json/walk.c would lead a path without positions to: one level of an
 * array opened at each name, arrays in arrays left closed. What no filter can
 * reach (names with a dot, too long or too deep paths) has no keys.
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/fmgrprotos.h"

#include "compat.h"
#include "index/profile_key.h"
#include "json/number.h"
#include "json/path.h"

#define NUMBER_GROUPS	12		/* of four digits, kept of a number */

/*
 * Times are kept to the hour, without a hash of the rest: few of them are
 * equal, most questions are about days, and a key for each would be a good
 * part of an index.
 */
#define TIMESTAMP_HOUR	13

/*
 * The longest number behind the longest path fits; strings are cut to fit. The
 * bytes are stored: where one of these changes, indexes are to be built anew.
 */
StaticAssertDecl(1 + PROFILE_KEY_PATH + 1 + JSON_NUMBER_HEAD +
				 (NUMBER_GROUPS + 1) * JSON_NUMBER_GROUP + PROFILE_KEY_HASH == PROFILE_KEY_MAX,
				 "keys are stored");
/* A short varlena header counts to 127, and a byte to before the hash mark. */
StaticAssertDecl(1 + PROFILE_KEY_MAX <= VARATT_SHORT_MAX && PROFILE_KEY_PATH < PROFILE_KEY_HASHED,
				 "lengths fit a byte");
/* Values of these types are in the same order by key as by json_view_compare. */
StaticAssertDecl(PROFILE_TAG_NULL == (int) JSON_VIEW_NULL &&
				 PROFILE_TAG_NUMBER == (int) JSON_VIEW_NUMBER &&
				 PROFILE_TAG_STRING == (int) JSON_VIEW_STRING &&
				 PROFILE_TAG_OBJECT == (int) JSON_VIEW_OBJECT &&
				 PROFILE_TAG_ARRAY == (int) JSON_VIEW_ARRAY &&
				 (int) PROFILE_TAG_BOOL > (int) JSON_VIEW_ARRAY,
				 "tags are in the order of types");

/*
 * ---- One key
 */

static void
append(ProfileKey *key, const void *data, size_t len)
{
	Assert(key->len + len <= PROFILE_KEY_MAX);
	memcpy(key->data + key->len, data, len);
	key->len += len;
}

static void
append_hash(ProfileKey *key, uint64 hash)
{
	append(key, &hash, PROFILE_KEY_HASH);
}

static uint64
hash_of(const char *data, size_t len)
{
	return hash_bytes_extended((const unsigned char *) data, (int) len, 0);
}

bool
profile_key_path(ProfileKey *key, const char *path, size_t len)
{
	unsigned char head = len <= PROFILE_KEY_PATH ? len : PROFILE_KEY_HASHED;

	key->len = 0;
	key->cut = false;
	append(key, &head, 1);
	if (len <= PROFILE_KEY_PATH)
		append(key, path, len);
	else
		append_hash(key, hash_of(path, len));
	return len <= PROFILE_KEY_PATH;
}

void
profile_key_tag(ProfileKey *key, ProfileTag tag)
{
	char		byte = tag;

	append(key, &byte, 1);
}

void
profile_key_length(ProfileKey *key, ProfileTag tag, uint32 length)
{
	unsigned char bytes[4] = {length >> 24, length >> 16, length >> 8, length};

	profile_key_tag(key, tag);
	append(key, bytes, sizeof(bytes));
}

static void
append_number(ProfileKey *key, JsonView value)
{
	char		bytes[JSON_NUMBER_HEAD + (NUMBER_GROUPS + 1) * JSON_NUMBER_GROUP];
	int			sign;
	bool		cut;
	int			len = json_number_bytes(bytes, value.data, NUMBER_GROUPS, &sign, &cut);

	if (cut)
	{
		/*
		 * One more group puts it on the right side of the number that has
		 * just the first ones, the hash apart from most others.
		 */
		len = json_number_bytes(bytes, value.data, NUMBER_GROUPS + 1, &sign, &cut);
		append(key, bytes, len);
		/* Equal for 1.0 and 1.00. */
		append_hash(key, DatumGetUInt64(DirectFunctionCall2(hash_numeric_extended,
															PointerGetDatum(value.data),
															UInt64GetDatum(0))));
		key->cut = true;
		return;
	}
	append(key, bytes, len);
	if (sign < 0)
		append(key, "\xFF\xFF", 2);
}

/* Does it begin like 2024-11-19T22, a time of ISO 8601 down to its hour? */
static bool
is_timestamp(JsonView value)
{
	static const char form[] = "0000-00-00T00";

	if (value.len < TIMESTAMP_HOUR)
		return false;
	for (int i = 0; i < TIMESTAMP_HOUR; i++)
	{
		char		c = value.data[i];

		if (form[i] == '0' ? c < '0' || c > '9' :
			c != form[i] && !(form[i] == 'T' && c == ' '))
			return false;
	}
	return true;
}

static void
append_string(ProfileKey *key, JsonView value)
{
	/* The same for all strings of a path, so that their order is kept. */
	uint32		room = PROFILE_KEY_MAX - key->len - PROFILE_KEY_HASH;

	if (is_timestamp(value))
	{
		append(key, value.data, TIMESTAMP_HOUR);
		key->cut = true;
		return;
	}
	append(key, value.data, Min(value.len, room));
	if (value.len > room)
	{
		append_hash(key, hash_of(value.data, value.len));
		key->cut = true;
	}
}

void
profile_key_scalar(ProfileKey *key, JsonView value)
{
	char		truth = value.type == JSON_VIEW_TRUE;

	switch (value.type)
	{
		case JSON_VIEW_NUMBER:
			profile_key_tag(key, PROFILE_TAG_NUMBER);
			append_number(key, value);
			break;
		case JSON_VIEW_STRING:
			profile_key_tag(key, PROFILE_TAG_STRING);
			append_string(key, value);
			break;
		case JSON_VIEW_FALSE:
		case JSON_VIEW_TRUE:
			profile_key_tag(key, PROFILE_TAG_BOOL);
			append(key, &truth, 1);
			break;
		default:
			profile_key_tag(key, PROFILE_TAG_NULL);
			break;
	}
}

void
profile_key_member(ProfileKey *key, const char *name, uint32 len, JsonView value)
{
	profile_key_path(key, name, len);
	profile_key_scalar(key, value);
}

/* The two may come in either order. */
void
profile_key_pair(ProfileKey *key, const ProfileKey *a, const ProfileKey *b)
{
	uint64		hash_a = hash_of(a->data, a->len);
	uint64		hash_b = hash_of(b->data, b->len);

	profile_key_tag(key, PROFILE_TAG_PAIR);
	append_hash(key, hash_combine64(Min(hash_a, hash_b), Max(hash_a, hash_b)));
}

/* The length of the hash at the end of a key, which its length tells. */
static int
hash_len(const char *key, int len)
{
	int			tag_len = profile_key_tag_len(key, len);

	if (tag_len == len)
		return 0;
	switch (key[tag_len - 1])
	{
		case PROFILE_TAG_NUMBER:
			return len - tag_len > JSON_NUMBER_HEAD + (NUMBER_GROUPS + 1) * JSON_NUMBER_GROUP ?
				PROFILE_KEY_HASH : 0;
		case PROFILE_TAG_STRING:
			return len == PROFILE_KEY_MAX ? PROFILE_KEY_HASH : 0;
		default:
			return 0;
	}
}

void
profile_key_uncut(ProfileKey *key)
{
	if (key->cut && hash_len(key->data, key->len) > 0)
		key->len -= PROFILE_KEY_HASH;
	key->cut = false;
}

/*
 * ---- Parts of a key. They may come from anywhere: bytes without the form of
 * a key are a path without anything behind it.
 */

int
profile_key_path_len(const char *key, int len)
{
	int			path_len;

	if (len == 0)
		return 0;
	path_len = (unsigned char) key[0] == PROFILE_KEY_HASHED ?
		PROFILE_KEY_HASH : (unsigned char) key[0];
	return Min(1 + path_len, len);
}

int
profile_key_tag_len(const char *key, int len)
{
	return Min(profile_key_path_len(key, len) + 1, len);
}

int
profile_key_value_len(const char *key, int len)
{
	return len - profile_key_tag_len(key, len) - hash_len(key, len);
}

bool
profile_key_is_cut(const char *key, int len)
{
	int			tag_len = profile_key_tag_len(key, len);
	JsonView	value = {JSON_VIEW_STRING, len - tag_len, key + tag_len};

	if (tag_len == len)
		return false;
	return hash_len(key, len) > 0 ||
		(key[tag_len - 1] == PROFILE_TAG_STRING && is_timestamp(value));
}

int
profile_key_compare(const char *a, int a_len, const char *b, int b_len)
{
	int			cmp = memcmp(a, b, Min(a_len, b_len));

	return cmp != 0 ? cmp : a_len - b_len;
}

Datum
profile_key_datum(const char *key, int len)
{
	struct varlena *datum = palloc(VARHDRSZ + len);

	SET_VARSIZE(datum, VARHDRSZ + len);
	memcpy(VARDATA(datum), key, len);
	return PointerGetDatum(datum);
}

/*
 * ---- The keys of a document
 */

/* Where the walk is. */
typedef struct Walk
{
	ProfileKeyList *list;
	ProfileKeyWants wants;		/* NULL: everything is wanted */
	void	   *arg;
	int			depth;			/* names in the path */
	size_t		path_len;
	char		path[JSON_PATH_MAX_BYTES];
} Walk;

static void emit_members(Walk *walk, JsonView object);

void
profile_keys_init(ProfileKeyList *list)
{
	list->nkeys = 0;
	list->max_keys = 64;
	list->keys = palloc(list->max_keys * sizeof(list->keys[0]));
	list->used = 0;
	list->size = 2048;
	list->data = palloc(list->size);
}

static void
emit(Walk *walk, const ProfileKey *key)
{
	ProfileKeyList *list = walk->list;

	if (list->nkeys == list->max_keys)
	{
		list->max_keys *= 2;
		list->keys = repalloc_huge(list->keys, mul_size(list->max_keys, sizeof(list->keys[0])));
	}
	if (list->size - list->used < PROFILE_KEY_MAX)
	{
		list->size = mul_size(list->size, 2);
		list->data = repalloc_huge(list->data, list->size);
	}
	memcpy(list->data + list->used, key->data, key->len);
	list->keys[list->nkeys].at = list->used;
	list->keys[list->nkeys].len = key->len;
	list->nkeys++;
	list->used += key->len;
}

/*
 * What an object in an array has that no key of one path tells: that these
 * values come together.
 */
static void
emit_pairs(Walk *walk, const ProfileKey *path, JsonView object)
{
	ProfileKey	members[PROFILE_KEY_PAIRED];
	int			nmembers = 0;
	bool		others = false;
	JsonViewIterator it;
	JsonView	name;
	JsonView	value;
	ProfileKey	key;

	json_view_iterate(&it, object);
	while (json_view_next_member(&it, &name, &value))
	{
		if (value.type == JSON_VIEW_OBJECT || value.type == JSON_VIEW_NULL)
			continue;
		if (value.type == JSON_VIEW_ARRAY || nmembers == PROFILE_KEY_PAIRED)
			others = true;
		else
			profile_key_member(&members[nmembers++], name.data, name.len, value);
	}
	if (others)
	{
		key = *path;
		profile_key_tag(&key, PROFILE_TAG_PAIR);
		emit(walk, &key);
	}
	for (int i = 0; i < nmembers; i++)
		for (int j = 0; j < i; j++)
		{
			key = *path;
			profile_key_pair(&key, &members[i], &members[j]);
			emit(walk, &key);
		}
}

static void
emit_array(Walk *walk, const ProfileKey *path, JsonView array, int wanted)
{
	ProfileKey	key = *path;
	JsonViewIterator it;
	JsonView	element;

	if (wanted & PROFILE_KEYS_HERE)
	{
		profile_key_length(&key, PROFILE_TAG_ARRAY, json_view_count(array));
		emit(walk, &key);
	}
	json_view_iterate(&it, array);
	while (json_view_next(&it, &element))
	{
		CHECK_FOR_INTERRUPTS();
		key = *path;
		if (element.type == JSON_VIEW_OBJECT)
		{
			/* The key of the array has to do for it. */
			if (wanted & PROFILE_KEYS_HERE)
				emit_pairs(walk, path, element);
			if (wanted & PROFILE_KEYS_BELOW)
				emit_members(walk, element);
			continue;
		}
		if (!(wanted & PROFILE_KEYS_HERE))
			continue;
		if (element.type == JSON_VIEW_ARRAY)
			profile_key_length(&key, PROFILE_TAG_INNER, json_view_count(element));
		else
			profile_key_scalar(&key, element);
		emit(walk, &key);
	}
}

/* The member of an object that the path has just been brought to. */
static void
emit_member(Walk *walk, JsonView value)
{
	int			wanted = PROFILE_KEYS_HERE | PROFILE_KEYS_BELOW;
	ProfileKey	key;

	if (walk->wants != NULL &&
		(wanted = walk->wants(walk->arg, walk->path, walk->path_len)) == 0)
		return;
	profile_key_path(&key, walk->path, walk->path_len);
	if (value.type == JSON_VIEW_ARRAY)
	{
		ProfileKey	path = key;

		emit_array(walk, &path, value, wanted);
		return;
	}
	if (wanted & PROFILE_KEYS_HERE)
	{
		if (value.type == JSON_VIEW_OBJECT)
			profile_key_tag(&key, PROFILE_TAG_OBJECT);
		else
			profile_key_scalar(&key, value);
		emit(walk, &key);
	}
	if (value.type == JSON_VIEW_OBJECT && (wanted & PROFILE_KEYS_BELOW))
		emit_members(walk, value);
}

static void
emit_members(Walk *walk, JsonView object)
{
	size_t		path_len = walk->path_len;
	JsonViewIterator it;
	JsonView	name;
	JsonView	value;

	CHECK_FOR_INTERRUPTS();
	/* Deeper than any filter asks, and what bounds the recursion. */
	if (walk->depth == JSON_PATH_MAX_NAMES)
		return;
	walk->depth++;
	json_view_iterate(&it, object);
	while (json_view_next_member(&it, &name, &value))
	{
		size_t		start = path_len + (walk->depth > 1);

		if (start > JSON_PATH_MAX_BYTES || name.len > JSON_PATH_MAX_BYTES - start ||
			memchr(name.data, '.', name.len) != NULL)
			continue;
		if (walk->depth > 1)
			walk->path[path_len] = '.';
		memcpy(walk->path + start, name.data, name.len);
		walk->path_len = start + name.len;
		emit_member(walk, value);
	}
	walk->path_len = path_len;
	walk->depth--;
}

static int
compare_refs(const void *a, const void *b, void *data)
{
	const struct ProfileKeyRef *x = a;
	const struct ProfileKeyRef *y = b;

	return profile_key_compare((char *) data + x->at, x->len, (char *) data + y->at, y->len);
}

static void
sort_keys(ProfileKeyList *list)
{
	int			n = 0;

	qsort_arg(list->keys, list->nkeys, sizeof(list->keys[0]), compare_refs, list->data);
	for (int i = 0; i < list->nkeys; i++)
		if (n == 0 || compare_refs(&list->keys[n - 1], &list->keys[i], list->data) != 0)
			list->keys[n++] = list->keys[i];
	list->nkeys = n;
}

void
profile_keys_extract_some(ProfileKeyList *list, const JsonbContainer *document,
						  ProfileKeyWants wants, void *arg)
{
	Walk		walk;
	JsonView	root = json_view_root(document);

	list->nkeys = 0;
	list->used = 0;
	walk.list = list;
	walk.wants = wants;
	walk.arg = arg;
	walk.depth = 0;
	walk.path_len = 0;
	/* Into anything else no path leads but by position. */
	if (root.type != JSON_VIEW_OBJECT)
		return;
	emit_members(&walk, root);
}

void
profile_keys_extract(ProfileKeyList *list, const JsonbContainer *document)
{
	profile_keys_extract_some(list, document, NULL, NULL);
	sort_keys(list);
}
