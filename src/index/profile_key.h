/*-------------------------------------------------------------------------
 * src/index/profile_key.h
 *
 * Keys: what index and statistics hold of a document, one for each path and
 * value that a filter can ask for by equality or order. A key is
 *
 *     length of the path | path | tag | value
 *
 * at most PROFILE_KEY_MAX bytes, compared by memcmp, so that the keys of a
 * path, and of its numbers or strings in their order, are neighbours. A path
 * is the dotted one of a filter, arrays on the way left out; a long one is
 * replaced by a hash, a long value by its beginning and a hash, a time by its
 * hour.
 *-------------------------------------------------------------------------
 */
#ifndef CIRRO_INDEX_PROFILE_KEY_H
#define CIRRO_INDEX_PROFILE_KEY_H

#include "postgres.h"

#include "json/walk.h"

#define PROFILE_KEY_MAX			63	/* and a byte for the varlena header */
#define PROFILE_KEY_PATH		24	/* longest path that is kept */
#define PROFILE_KEY_HASH		8
#define PROFILE_KEY_HASHED		0xFF	/* instead of the length of the path */

/* The order of tags is that of json_view_compare where that matters. */
typedef enum ProfileTag
{
	PROFILE_TAG_NULL = 1,
	PROFILE_TAG_NUMBER = 2,
	PROFILE_TAG_STRING = 3,
	PROFILE_TAG_OBJECT = 4,		/* an object, not in an array */
	PROFILE_TAG_ARRAY = 5,		/* an array; value: its length */
	PROFILE_TAG_INNER = 6,		/* an array in an array; likewise */
	PROFILE_TAG_BOOL = 7,		/* value: 0 or 1 */
	PROFILE_TAG_PAIR = 8		/* two members of an object in an array; value:
								 * a hash of both. Without: one that has more
								 * members than are paired, or arrays */
} ProfileTag;

/* A key, or the beginning of one, while it is made. */
typedef struct ProfileKey
{
	int			len;
	bool		cut;			/* the value is not all there: others may share
								 * this key */
	char		data[PROFILE_KEY_MAX];
} ProfileKey;

/* Keys in memory, in one piece each. */
typedef struct ProfileKeyList
{
	int			nkeys;
	int			max_keys;
	struct ProfileKeyRef
	{
		uint32		at;			/* in data: no jsonb has 4 GB of keys */
		uint32		len;
	}		   *keys;
	char	   *data;
	size_t		used;
	size_t		size;
} ProfileKeyList;

/* The keys of one path begin like this. Is the path kept or a hash? */
extern bool profile_key_path(ProfileKey *key, const char *path, size_t len);

/*
 * Append a tag and, from a scalar or an array, a value; the path is there.
 * Values that are equal have the same key. Keys that are not cut are equal for
 * equal values alone and in the values' order. A cut one without its hash
 * (profile_key_uncut) is in order with all others, but for those it begins.
 */
extern void profile_key_tag(ProfileKey *key, ProfileTag tag);
extern void profile_key_scalar(ProfileKey *key, JsonView value);
extern void profile_key_length(ProfileKey *key, ProfileTag tag, uint32 length);
extern void profile_key_uncut(ProfileKey *key);

/*
 * The key of an object in an array with these two scalar members, by the keys
 * that they have as documents of their own (profile_key_member). Objects with
 * more than PROFILE_KEY_PAIRED scalar members have none.
 */
#define PROFILE_KEY_PAIRED		4

extern void profile_key_member(ProfileKey *key, const char *name, uint32 len, JsonView value);
extern void profile_key_pair(ProfileKey *key, const ProfileKey *a, const ProfileKey *b);

/* All keys of a document, sorted, none twice, in a list that is kept for reuse. */
extern void profile_keys_init(ProfileKeyList *list);
extern void profile_keys_extract(ProfileKeyList *list, const JsonbContainer *document);

/*
 * Those of some paths only, in no order, some perhaps twice: "wants" says of a
 * path, as a filter has it, whether its own keys are wanted, and whether those
 * of longer paths are.
 */
#define PROFILE_KEYS_HERE		1
#define PROFILE_KEYS_BELOW		2

typedef int (*ProfileKeyWants) (void *arg, const char *path, size_t len);

extern void profile_keys_extract_some(ProfileKeyList *list, const JsonbContainer *document,
									  ProfileKeyWants wants, void *arg);

/* The length of the part of a key that tells its path, or path and tag. */
extern int	profile_key_path_len(const char *key, int len);
extern int	profile_key_tag_len(const char *key, int len);
/* The length of its value without a hash; is the value not all there? */
extern int	profile_key_value_len(const char *key, int len);
extern bool profile_key_is_cut(const char *key, int len);

extern int	profile_key_compare(const char *a, int a_len, const char *b, int b_len);
extern Datum profile_key_datum(const char *key, int len);

static inline const char *
profile_keys_get(const ProfileKeyList *list, int i)
{
	return list->data + list->keys[i].at;
}

#endif							/* CIRRO_INDEX_PROFILE_KEY_H */
