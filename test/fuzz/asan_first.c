/*-------------------------------------------------------------------------
 * test/fuzz/asan_first.c
 *
 * Starts AddressSanitizer before any other library is initialized (linked with
 * -z initfirst). Otherwise it starts at the first call it intercepts, which in
 * a server is made below a lock that it needs itself.
 *-------------------------------------------------------------------------
 */
extern void __asan_init(void);

static __attribute__((constructor)) void
first(void)
{
	__asan_init();
}
