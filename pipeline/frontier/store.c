/* store: see store.h.  RocksDB through its C API.
 *
 * Memory is bounded: 16 MiB of write buffers for all tables, 32 MiB of block cache which also holds the
 * filters and indexes, 256 open files.  Writes go to the log with write(2) before a commit returns, so
 * a killed process loses nothing; a torn tail of the log (power loss) is cut when the store is opened. */
#include "frontier/store.h"

#include <rocksdb/c.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "frontier/heap.h"

static const char *const table_names[STORE_TABLES] = { "default", "seen", "queue", "flight", "robots" };

enum { WRITE_BUFFER_BYTES = 16 * 1024 * 1024, CACHE_BYTES = 32 * 1024 * 1024, OPEN_FILES = 256 };

struct store {
    rocksdb_t *db;
    rocksdb_column_family_handle_t *tables[STORE_TABLES];
    rocksdb_writebatch_t *batch;
    rocksdb_writeoptions_t *write;
    rocksdb_readoptions_t *read;
    int told; /* the first failure's text was logged */
};

/* ---- options ---- */

static rocksdb_options_t *options_new(int compression)
{
    rocksdb_options_t *o = rocksdb_options_create();

    rocksdb_options_set_create_if_missing(o, 1);
    rocksdb_options_set_create_missing_column_families(o, 1);
    rocksdb_options_set_info_log_level(o, 3); /* errors */
    rocksdb_options_set_keep_log_file_num(o, 2);
    rocksdb_options_set_max_log_file_size(o, 1024 * 1024);
    rocksdb_options_set_stats_dump_period_sec(o, 0);
    rocksdb_options_set_max_background_jobs(o, 2);
    rocksdb_options_set_max_open_files(o, OPEN_FILES);
    rocksdb_options_set_db_write_buffer_size(o, WRITE_BUFFER_BYTES);
    rocksdb_options_set_max_total_wal_size(o, 4 * WRITE_BUFFER_BYTES);
    rocksdb_options_set_write_buffer_size(o, WRITE_BUFFER_BYTES / 2);
    rocksdb_options_set_max_write_buffer_number(o, 2);
    rocksdb_options_set_target_file_size_base(o, 8 * 1024 * 1024);
    rocksdb_options_set_wal_recovery_mode(o, rocksdb_tolerate_corrupted_tail_records_recovery);
    rocksdb_options_set_compression(o, compression);
    rocksdb_options_set_level_compaction_dynamic_level_bytes(o, 1);
    return o;
}

/* Takes nothing: RocksDB keeps its own reference to the cache and owns the filter. */
static void options_blocks(rocksdb_options_t *o, rocksdb_cache_t *cache, int filter)
{
    rocksdb_block_based_table_options_t *b = rocksdb_block_based_options_create();

    rocksdb_block_based_options_set_block_cache(b, cache);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(b, 1);
    rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(b, 1);
    if (filter) { /* in parts: a whole one may be larger than the cache's shard and is then read each time */
        rocksdb_block_based_options_set_filter_policy(b, rocksdb_filterpolicy_create_bloom_full(10));
        rocksdb_block_based_options_set_index_type(
            b, rocksdb_block_based_table_index_type_two_level_index_search);
        rocksdb_block_based_options_set_partition_filters(b, 1);
        rocksdb_block_based_options_set_pin_top_level_index_and_filter(b, 1);
    }
    rocksdb_options_set_block_based_table_factory(o, b);
    rocksdb_block_based_options_destroy(b);
}

static rocksdb_t *db_open(const char *dir, int compression, rocksdb_column_family_handle_t **tables,
                          char **ret_text)
{
    rocksdb_lru_cache_options_t *lru = rocksdb_lru_cache_options_create();
    rocksdb_lru_cache_options_set_capacity(lru, CACHE_BYTES);
    rocksdb_lru_cache_options_set_num_shard_bits(lru, 2); /* few threads, so few and larger shards */
    rocksdb_cache_t *cache = rocksdb_cache_create_lru_opts(lru);
    rocksdb_options_t *db = options_new(compression);
    rocksdb_options_t *each[STORE_TABLES];

    for (int i = 0; i < STORE_TABLES; i++) {
        each[i] = options_new(compression);
        options_blocks(each[i], cache, i == STORE_SEEN);
    }
    rocksdb_t *ret = rocksdb_open_column_families(db, dir, STORE_TABLES, table_names,
                                                  (const rocksdb_options_t *const *)each, tables, ret_text);
    for (int i = 0; i < STORE_TABLES; i++)
        rocksdb_options_destroy(each[i]);
    rocksdb_options_destroy(db);
    rocksdb_cache_destroy(cache);
    rocksdb_lru_cache_options_destroy(lru);
    return ret;
}

/* ---- errors ---- */

static int text_code(const char *text)
{
    return strncmp(text, "Corruption", 10) == 0 ? ERR_CORRUPT : ERR_IO;
}

static int open_failed(const char *dir, const char *text, struct err *err)
{
    if (strstr(text, "LOCK") &&
        (strstr(text, "lock hold by current process") || strstr(text, "Resource temporarily")))
        return err_set(err, ERR_EXISTS,
                       "%s: is in use by another trommel; wait until it has ended, or name another folder "
                       "with --job",
                       dir);
    if (strstr(text, "Permission denied"))
        return err_set(err, ERR_IO,
                       "%s: cannot open the frontier: permission denied; make it yours or name another "
                       "folder with --job",
                       dir);
    if (strstr(text, "No space left"))
        return err_set(err, ERR_IO, "%s: cannot open the frontier: no space left there; free some", dir);
    if (strncmp(text, "Corruption", 10) == 0 || strncmp(text, "Invalid argument", 16) == 0)
        return err_set(err, ERR_CORRUPT,
                       "%s: the frontier is damaged (%s); put back a copy of the folder, or remove it to "
                       "begin anew",
                       dir, text);
    return err_set(err, ERR_IO,
                   "%s: cannot open the frontier: %s; mend that or name another folder with --job", dir,
                   text);
}

/* Frees text.  Logged once: the caller knows no more than the code. */
static int failed(struct store *s, char *text)
{
    int code = text_code(text);

    if (!s->told++)
        log_warn("frontier: %s", text);
    rocksdb_free(text);
    return code;
}

/* ---- open and close ---- */

int store_open(const char *dir, struct store **ret, struct err *err)
{
    struct store *s = must_alloc(sizeof *s);
    char *text = NULL;

    s->db = db_open(dir, rocksdb_lz4_compression, s->tables, &text);
    if (text && strstr(text, "not linked")) { /* a RocksDB without LZ4 */
        rocksdb_free(text);
        text = NULL;
        s->db = db_open(dir, rocksdb_no_compression, s->tables, &text);
    }
    if (text) {
        int rc = open_failed(dir, text, err);
        rocksdb_free(text);
        free(s);
        return rc;
    }
    s->batch = rocksdb_writebatch_create();
    s->write = rocksdb_writeoptions_create();
    s->read = rocksdb_readoptions_create();
    *ret = s;
    return 0;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    rocksdb_writebatch_destroy(s->batch);
    rocksdb_writeoptions_destroy(s->write);
    rocksdb_readoptions_destroy(s->read);
    for (int i = 0; i < STORE_TABLES; i++)
        rocksdb_column_family_handle_destroy(s->tables[i]);
    rocksdb_close(s->db);
    free(s);
}

/* ---- reading ---- */

static int pinned_get(struct store *s, enum store_table t, trommel_str key, rocksdb_pinnableslice_t **ret)
{
    char *text = NULL;

    *ret = rocksdb_get_pinned_cf(s->db, s->read, s->tables[t], key.p, key.n, &text);
    return text ? failed(s, text) : 0;
}

int store_get(struct store *s, enum store_table t, trommel_str key, struct buf *ret)
{
    rocksdb_pinnableslice_t *slice;
    size_t n;

    buf_clear(ret);
    int rc = pinned_get(s, t, key, &slice);
    if (rc < 0)
        return rc;
    if (!slice)
        return ERR_ABSENT;
    const char *p = rocksdb_pinnableslice_value(slice, &n);
    buf_add(ret, p, n);
    rocksdb_pinnableslice_destroy(slice);
    return ret->err;
}

int store_has(struct store *s, enum store_table t, trommel_str key)
{
    rocksdb_pinnableslice_t *slice;
    int rc = pinned_get(s, t, key, &slice);

    if (rc < 0)
        return rc;
    if (!slice)
        return 0;
    rocksdb_pinnableslice_destroy(slice);
    return 1;
}

int store_scan(struct store *s, enum store_table t, trommel_str from, trommel_str to, store_row_fn *fn,
               void *arg)
{
    rocksdb_readoptions_t *read = rocksdb_readoptions_create();
    char *text = NULL;
    int rc = 0;

    if (to.n) /* so that the tombstones behind the range are not walked */
        rocksdb_readoptions_set_iterate_upper_bound(read, to.p, to.n);
    rocksdb_iterator_t *it = rocksdb_create_iterator_cf(s->db, read, s->tables[t]);
    rocksdb_iter_seek(it, from.n ? from.p : "", from.n);
    for (; rc == 0 && rocksdb_iter_valid(it); rocksdb_iter_next(it)) {
        trommel_str key, value;
        key.p = rocksdb_iter_key(it, &key.n);
        value.p = rocksdb_iter_value(it, &value.n);
        rc = fn(arg, key, value);
        if (rc != 0)
            break;
    }
    rocksdb_iter_get_error(it, &text);
    rocksdb_iter_destroy(it);
    rocksdb_readoptions_destroy(read);
    if (text) {
        int code = failed(s, text);
        return rc < 0 ? rc : code;
    }
    return rc < 0 ? rc : 0;
}

/* ---- writing ---- */

void store_put(struct store *s, enum store_table t, trommel_str key, trommel_str value)
{
    rocksdb_writebatch_put_cf(s->batch, s->tables[t], key.p, key.n, value.n ? value.p : "", value.n);
}

void store_delete(struct store *s, enum store_table t, trommel_str key)
{
    rocksdb_writebatch_delete_cf(s->batch, s->tables[t], key.p, key.n);
}

void store_drop(struct store *s)
{
    rocksdb_writebatch_clear(s->batch);
}

int store_commit(struct store *s)
{
    char *text = NULL;

    rocksdb_write(s->db, s->write, s->batch, &text);
    rocksdb_writebatch_clear(s->batch);
    return text ? failed(s, text) : 0;
}

int store_sync(struct store *s)
{
    char *text = NULL;

    rocksdb_flush_wal(s->db, 1, &text);
    return text ? failed(s, text) : 0;
}
