/* The store of stages' files: who could have written them, copies, blocks.  Works in a folder of its own
 * in /tmp. fsync is this program's own: it counts, and does what a linker might do at the worst moment. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/limits.h"
#include "chain/store.h"

#include "built.h"

enum { STRANGER = 65534 };

static char base[64], stage[100]; /* the folder, a stage in it */
static unsigned file_syncs, dir_syncs;
static const char *change_at_sync; /* this file is changed during the next fsync of a file … */
static enum { GROWS, GROWS_UNSEEN, IS_REWRITTEN, CHANGES } change; /* … in this way */

/* A time of writing that is not now. */
static void time_set(int fd)
{
    const struct timespec then[2] = { { .tv_sec = 1000000000 }, { .tv_sec = 1000000000 } };

    assert_int_equal(futimens(fd, then), 0);
}

static void file_change(const char *path)
{
    int fd = open(path, O_WRONLY | (change == IS_REWRITTEN ? 0 : O_APPEND));

    assert_int_equal(write(fd, "\x7f" "ELF", 4), 4);
    if (change == GROWS_UNSEEN)
        time_set(fd);
    close(fd);
}

int fsync(int fd)
{
    struct stat st;

    assert_int_equal(fstat(fd, &st), 0);
    if (S_ISDIR(st.st_mode)) {
        dir_syncs++;
        return 0;
    }
    file_syncs++;
    if (change_at_sync)
        file_change(change_at_sync);
    change_at_sync = NULL;
    return 0;
}

/* ---- files ---- */

static const char *at(const char *name)
{
    static char paths[4][300];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof paths[0], "%s/%s", base, name);
    return path;
}

static void file_write(const char *path, const void *p, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, p, n), n);
    assert_int_equal(close(fd), 0);
}

static size_t file_read(const char *path, char **ret)
{
    int fd = open(path, O_RDONLY);
    struct stat st;

    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    *ret = malloc((size_t)st.st_size + 1);
    assert_int_equal(read(fd, *ret, (size_t)st.st_size), st.st_size);
    (*ret)[st.st_size] = 0;
    close(fd);
    return (size_t)st.st_size;
}

/* A stage with this behind its end: another file, which is loaded like the first. */
static void stage_write(const char *path, const char *tail)
{
    char *from = built("test/plugin/pair.so"), *text;
    size_t n = file_read(from, &text);

    text = realloc(text, n + strlen(tail) + 1);
    memcpy(text + n, tail, strlen(tail));
    file_write(path, text, n + strlen(tail));
    free(text);
    free(from);
}

static int setup(void **state)
{
    (void)state;
    strcpy(base, "/tmp/trommel-store.XXXXXX");
    assert_non_null(mkdtemp(base));
    snprintf(stage, sizeof stage, "%s/price.so", base);
    stage_write(stage, "");
    umask(022);
    return 0;
}

static int teardown(void **state)
{
    char command[100];

    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", base);
    return system(command);
}

static struct stage_store *store_of(const char *name)
{
    struct stage_store *s;
    struct err err = { 0 };

    if (stage_store_open(at(name), &s, &err))
        fail_msg("%s", err.text);
    return s;
}

/* Tests of ownership need a place that is nobody else's, as /tmp is where all is in order. */
static int is_own_place(void)
{
    static const char *const above[] = { "/", "/tmp" };
    struct stat st;

    for (int i = 0; i < 2; i++) {
        int fine = !lstat(above[i], &st) && S_ISDIR(st.st_mode) &&
                   (st.st_uid == 0 || st.st_uid == geteuid()) && ((st.st_mode & S_ISVTX) || !(st.st_mode & 022));
        if (!fine) {
            print_message("skipped: others could exchange what lies in %s\n", above[i]);
            return 0;
        }
    }
    return 1;
}

/* ---- who could have written it ---- */

static void expect_judgement(const char *path, int code, const char *part, const char *part2)
{
    struct err err = { 0 };
    int rc = stage_file_judge(path, &err);

    int said = strstr(err.text, part) && strstr(err.text, part2) && strstr(err.text, path);

    if (rc != code || (rc && !said))
        fail_msg("%s: %s: %s", path, err_name(rc), err.text);
}

static void what_others_could_write_is_taken(void **state)
{
    static const struct {
        mode_t above, folder, file;
        const char *part, *mend; /* NULL: it is fine */
    } rows[] = {
        { 0755, 0755, 0644, NULL, NULL },
        { 0700, 0700, 0600, NULL, NULL },
        { 0755, 0755, 0755, NULL, NULL },
        { 0755, 0755, 04755, NULL, NULL },
        { 0755, 0755, 0664, "the file %s/up/in/x.so (mode 0664", "chmod go-w %s/up/in/x.so" },
        { 0755, 0755, 0646, "written by everybody", "chmod go-w %s/up/in/x.so" },
        { 0755, 0755, 01664, "the file %s/up/in/x.so (mode 1664", "chmod go-w %s/up/in/x.so" },
        { 0755, 0775, 0644, "the folder %s/up/in (mode 0775", "chmod go-w %s/up/in" },
        { 0755, 0757, 0644, "the folder %s/up/in (mode 0757", "written by everybody" },
        { 0775, 0755, 0644, "the folder %s/up (mode 0775", "written by its group" },
        { 0777, 0755, 0644, "the folder %s/up (mode 0777", "chmod go-w %s/up" },
        { 01777, 0755, 0644, NULL, NULL },
        { 0755, 01777, 0644, NULL, NULL },
        { 01775, 01775, 0644, NULL, NULL },
        { 01777, 01777, 0664, "the file %s/up/in/x.so", "its group" },
        { 02775, 0755, 0644, "the folder %s/up (mode 2775", "chmod" },
    };

    (void)state;
    if (!is_own_place())
        skip();
    mkdir(at("up"), 0755);
    mkdir(at("up/in"), 0755);
    file_write(at("up/in/x.so"), "x", 1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char part[300], mend[300];
        assert_int_equal(chmod(at("up"), rows[i].above), 0);
        assert_int_equal(chmod(at("up/in"), rows[i].folder), 0);
        assert_int_equal(chmod(at("up/in/x.so"), rows[i].file), 0);
        snprintf(part, sizeof part, rows[i].part ? rows[i].part : "%s", base);
        snprintf(mend, sizeof mend, rows[i].mend ? rows[i].mend : "%s", base);
        expect_judgement(at("up/in/x.so"), rows[i].part ? ERR_REFUSED : 0, part, mend);
    }
    chmod(at("up"), 0755);
    chmod(at("up/in"), 0755);
}

static void what_a_stranger_owns_is_taken(void **state)
{
    static const char *const whose[] = { "own/in/x.so", "own/in", "own" };

    (void)state;
    if (geteuid() != 0 || !is_own_place())
        skip();
    mkdir(at("own"), 0755);
    mkdir(at("own/in"), 0755);
    file_write(at("own/in/x.so"), "x", 1);
    for (size_t i = 0; i < 3; i++) {
        char part[300];
        snprintf(part, sizeof part, "%s (mode 0%o) belongs to ", at(whose[i]), i ? 0755 : 0644);
        expect_judgement(at("own/in/x.so"), 0, "", "");
        assert_int_equal(chown(at(whose[i]), STRANGER, 0), 0);
        expect_judgement(at("own/in/x.so"), ERR_REFUSED, part, "uid 65534");
        assert_int_equal(chown(at(whose[i]), 0, 0), 0);
    }
    /* to a user who is not root, root's and their own are fine, and a third's are not */
    assert_int_equal(chmod(base, 0755), 0);
    assert_int_equal(chown(at("own/in/x.so"), STRANGER, 0), 0);
    assert_int_equal(seteuid(STRANGER), 0);
    expect_judgement(at("own/in/x.so"), 0, "", "");
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(chown(at("own/in"), 1, 0), 0);
    assert_int_equal(seteuid(STRANGER), 0);
    expect_judgement(at("own/in/x.so"), ERR_REFUSED, "uid 1)", "copy it into a folder of your own");
    assert_int_equal(seteuid(0), 0);
}

static void a_link_hides_where_it_leads(void **state)
{
    struct stage_store *s = store_of("links");
    struct stage_copy copy;
    struct err err = { 0 };
    char part[300];

    (void)state;
    if (!is_own_place()) {
        stage_store_close(s);
        skip();
    }
    mkdir(at("open"), 0755);
    stage_write(at("open/x.so"), "");
    assert_int_equal(symlink("open/x.so", at("link.so")), 0);
    assert_int_equal(symlink("open", at("way")), 0);
    assert_int_equal(symlink("nowhere", at("lost.so")), 0);
    assert_int_equal(stage_store_take(s, at("link.so"), 0, &copy, &err), 0);
    assert_non_null(strstr(copy.path, "/links/link-")); /* by the name that was given */
    stage_copy_release(&copy);
    assert_int_equal(chmod(at("open"), 0777), 0);
    snprintf(part, sizeof part, "the folder %s/open (mode 0777", base);
    expect_judgement(at("link.so"), ERR_REFUSED, part, "chmod go-w");
    expect_judgement(at("way/x.so"), ERR_REFUSED, part, "chmod go-w");
    expect_judgement(at("lost.so"), ERR_ABSENT, "cannot be opened", "No such file");
    expect_judgement(at("open/x.so/y"), ERR_ABSENT, "cannot be opened", "Not a directory");
    stage_store_close(s);
}

/* ---- copies ---- */

static void expect_refusal(struct stage_store *s, const char *path, int code, const char *part)
{
    struct stage_copy copy = { .path = (char *)1 };
    struct err err = { 0 };
    int rc = stage_store_take(s, path, STAGE_STORE_ANYONE, &copy, &err);

    if (rc != code || !strstr(err.text, part) || !strstr(err.text, path))
        fail_msg("%s: %s: %s", path, err_name(rc), err.text);
    assert_null(copy.path);
}

static unsigned files_in(const char *name)
{
    char command[200];
    unsigned n = 0;
    FILE *f;

    snprintf(command, sizeof command, "ls -A %s | wc -l", at(name));
    f = popen(command, "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%u", &n), 1);
    pclose(f);
    return n;
}

static void a_copy_is_not_the_file(void **state)
{
    struct stage_store *s = store_of("copies");
    struct stage_copy first, again, other;
    struct stat st, st2;
    struct err err = { 0 };
    char *text, *copied, name[200];

    (void)state;
    file_syncs = dir_syncs = 0;
    assert_int_equal(stage_store_take(s, stage, STAGE_STORE_ANYONE, &first, &err), 0);
    assert_int_equal(file_syncs, 1);
    assert_int_equal(dir_syncs, 1);
    snprintf(name, sizeof name, "%s/copies/price-%s.so", base, first.hash);
    assert_string_equal(first.path, name);
    assert_int_equal(strspn(first.hash, "0123456789abcdef"), 32);
    assert_int_equal(stat(first.path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0500);
    assert_int_equal(file_read(stage, &text), first.bytes);
    assert_int_equal(file_read(first.path, &copied), first.bytes);
    assert_memory_equal(text, copied, first.bytes);
    free(text);
    free(copied);
    /* the same again is that very file; so is a copy of the copy */
    assert_int_equal(stage_store_take(s, stage, STAGE_STORE_ANYONE, &again, &err), 0);
    assert_string_equal(again.path, first.path);
    assert_int_equal(stat(again.path, &st2), 0);
    assert_int_equal(st.st_ino, st2.st_ino);
    stage_copy_release(&again);
    assert_int_equal(stage_store_take(s, first.path, STAGE_STORE_ANYONE, &again, &err), 0);
    assert_string_equal(again.path, first.path);
    assert_int_equal(stat(again.path, &st2), 0);
    assert_int_equal(st.st_ino, st2.st_ino);
    stage_copy_release(&again);
    /* another build under the same name is another file, and the first is untouched */
    stage_write(stage, "2");
    assert_int_equal(stage_store_take(s, stage, STAGE_STORE_ANYONE, &other, &err), 0);
    assert_string_not_equal(other.path, first.path);
    assert_int_equal(stat(first.path, &st2), 0);
    assert_int_equal(st.st_size, st2.st_size);
    assert_int_equal(files_in("copies"), 2);
    stage_copy_release(&other);
    stage_copy_release(&first);
    stage_store_close(s);
}

static void a_damaged_copy_is_used(void **state)
{
    static const char *const harms[] = {
        "chmod 700 %s",
        "chmod 700 %s && printf x >>%s && chmod 500 %s",
        "chmod 700 %s && printf x | dd of=%s conv=notrunc bs=1 seek=5000 2>/dev/null && chmod 500 %s",
        "rm %s",
        "rm %s && ln -s price.so %s",
    };
    struct stage_store *s = store_of("damaged");
    struct stage_copy copy, again;
    struct stat st;
    struct err err = { 0 };
    char *whole, *text;

    (void)state;
    assert_int_equal(stage_store_take(s, stage, STAGE_STORE_ANYONE, &copy, &err), 0);
    file_read(stage, &whole);
    for (size_t i = 0; i < sizeof harms / sizeof harms[0]; i++) {
        char command[1000];
        snprintf(command, sizeof command, harms[i], copy.path, copy.path, copy.path);
        assert_int_equal(system(command), 0);
        assert_int_equal(stage_store_take(s, stage, STAGE_STORE_ANYONE, &again, &err), 0);
        assert_string_equal(copy.path, again.path);
        assert_int_equal(lstat(copy.path, &st), 0);
        assert_int_equal(st.st_mode, S_IFREG | 0500);
        assert_int_equal(st.st_size, copy.bytes);
        assert_int_equal(file_read(copy.path, &text), copy.bytes);
        assert_memory_equal(text, whole, copy.bytes);
        free(text);
        stage_copy_release(&again);
    }
    free(whole);
    stage_copy_release(&copy);
    stage_store_close(s);
}

static void what_is_no_stage_is_copied(void **state)
{
    struct stage_store *s = store_of("none");

    (void)state;
    file_write(at("text.so"), "no ELF", 6);
    mkdir(at("folder.so"), 0755);
    assert_int_equal(mkfifo(at("fifo.so"), 0644), 0);
    stage_write(at("large.so"), "");
    assert_int_equal(truncate(at("large.so"), STAGE_FILE_MAX + 1), 0);
    expect_refusal(s, at("text.so"), ERR_REFUSED, "not a shared object");
    expect_refusal(s, at("folder.so"), ERR_REFUSED, "not a file");
    expect_refusal(s, at("fifo.so"), ERR_REFUSED, "not a file");
    expect_refusal(s, at("absent.so"), ERR_ABSENT, "No such file");
    expect_refusal(s, at("large.so"), ERR_LIMIT, "too large for a stage");
    for (change = GROWS; change < CHANGES; change++) {
        stage_write(at("changes.so"), "");
        int fd = open(at("changes.so"), O_WRONLY);
        time_set(fd);
        close(fd);
        change_at_sync = at("changes.so");
        expect_refusal(s, at("changes.so"), ERR_AGAIN, "was written while it was read");
        assert_null(change_at_sync);
    }
    assert_int_equal(files_in("none"), 0);
    stage_store_close(s);
}

static void a_name_leads_out_of_the_folder(void **state)
{
    static const struct {
        const char *file, *stem;
    } rows[] = {
        { "a b;$(x)'\".so", "a_b___x___" },
        { ".hidden.so", "_hidden" },
        { "no-ending", "no-ending" },
        { "x-0123456789abcdef0123456789abcdef.so", "x" },
        { "-0123456789abcdef0123456789abcdef.so", "-0123456789abcdef0123456789abcdef" },
        { ".so", "_so" },
    };
    struct stage_store *s = store_of("names");
    struct stage_copy copy;
    struct err err = { 0 };
    char longest[220], want[400];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        stage_write(at(rows[i].file), rows[i].file);
        assert_int_equal(stage_store_take(s, at(rows[i].file), STAGE_STORE_ANYONE, &copy, &err), 0);
        snprintf(want, sizeof want, "%s/names/%s-%s.so", base, rows[i].stem, copy.hash);
        assert_string_equal(copy.path, want);
        stage_copy_release(&copy);
    }
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    stage_write(at(longest), "");
    assert_int_equal(stage_store_take(s, at(longest), STAGE_STORE_ANYONE, &copy, &err), 0);
    assert_int_equal(strlen(strrchr(copy.path, '/')), 1 + 100 + 1 + 32 + 3);
    stage_copy_release(&copy);
    stage_store_close(s);
}

static void what_is_in_use_is_swept_away(void **state)
{
    struct stage_store *s = store_of("sweep");
    struct stage_copy copies[3];
    struct err err = { 0 };

    (void)state;
    for (int i = 0; i < 3; i++) {
        stage_write(stage, (const char *[]){ "a", "b", "c" }[i]);
        assert_int_equal(stage_store_take(s, stage, STAGE_STORE_ANYONE, &copies[i], &err), 0);
    }
    file_write(at("sweep/notes.txt"), "mine", 4);
    file_write(at("sweep/.taking-abc"), "half", 4);
    stage_store_close(s);
    s = store_of("sweep"); /* opening takes only away what was not finished */
    assert_int_equal(files_in("sweep"), 4);
    stage_store_sweep(s, (const char *[]){ copies[1].path, "/elsewhere/x.so" }, 2);
    assert_int_equal(files_in("sweep"), 2);
    assert_int_equal(access(copies[1].path, R_OK), 0);
    assert_int_equal(access(at("sweep/notes.txt"), R_OK), 0);
    stage_store_sweep(s, NULL, 0);
    assert_int_equal(files_in("sweep"), 1);
    for (int i = 0; i < 3; i++)
        stage_copy_release(&copies[i]);
    stage_store_close(s);
}

static void copies_lie_where_others_write(void **state)
{
    struct stage_store *s = store_of("shared");
    struct stage_copy copy;
    struct err err = { 0 };

    (void)state;
    if (!is_own_place()) {
        stage_store_close(s);
        skip();
    }
    assert_int_equal(chmod(at("shared"), 0770), 0);
    assert_int_equal(stage_store_take(s, stage, 0, &copy, &err), ERR_REFUSED);
    assert_non_null(strstr(err.text, "/shared (mode 0770"));
    assert_int_equal(stage_store_take(s, stage, STAGE_STORE_ANYONE, &copy, &err), 0);
    stage_copy_release(&copy);
    stage_store_close(s);
}

/* In a mount namespace of its own, where that is allowed.  Exit status: 0 refused as it should be, 77 no
 * such place. */
static int noexec_child(void)
{
    struct stage_copy copy;
    struct stage_store *s;
    struct err err = { 0 };

    if (unshare(CLONE_NEWNS | (geteuid() ? CLONE_NEWUSER : 0)) ||
        mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) ||
        mount("none", at("noexec"), "tmpfs", MS_NOEXEC, NULL))
        return 77;
    if (stage_store_open(at("noexec"), &s, &err))
        return 1;
    int rc = stage_store_take(s, stage, STAGE_STORE_ANYONE, &copy, &err);
    stage_store_close(s);
    return rc == ERR_REFUSED && strstr(err.text, "noexec") ? 0 : 2;
}

static void copies_lie_where_nothing_runs(void **state)
{
    int status;
    pid_t pid;

    (void)state;
    mkdir(at("noexec"), 0700);
    pid = fork();
    assert_true(pid >= 0);
    if (!pid)
        _exit(noexec_child());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_store_is_opened_nowhere(void **state)
{
    struct stage_store *s;
    struct err err = { 0 };

    (void)state;
    assert_int_equal(stage_store_open("/nonexistent/stages", &s, &err), ERR_IO);
    assert_non_null(strstr(err.text, "/nonexistent/stages"));
    assert_null(s);
    file_write(at("file"), "", 0);
    assert_int_equal(stage_store_open(at("file"), &s, &err), ERR_IO);
    stage_store_close(NULL);
    stage_copy_release(NULL);
}

/* ---- blocks ---- */

#define HASH "0123456789abcdef0123456789abcdef"

static void a_blocked_file_is_taken(void **state)
{
    struct stage_store *s = store_of("blocks");
    struct stage_copy copy, again;
    struct err err = { 0 };

    (void)state;
    assert_int_equal(stage_store_take(s, stage, STAGE_STORE_ANYONE, &copy, &err), 0);
    assert_null(stage_store_blocked(s, copy.hash));
    assert_int_equal(stage_store_block(s, copy.hash, "crashed 3 times in 40 pages", &err), 0);
    expect_refusal(s, stage, ERR_REFUSED, "crashed 3 times in 40 pages");
    expect_refusal(s, stage, ERR_REFUSED, copy.hash);
    assert_int_equal(stage_store_take(s, stage, STAGE_STORE_ANYONE | STAGE_STORE_BLOCKED, &again, &err), 0);
    stage_copy_release(&again);
    stage_store_close(s);
    s = store_of("blocks"); /* still, in another process */
    assert_string_equal(stage_store_blocked(s, copy.hash), "crashed 3 times in 40 pages");
    expect_refusal(s, stage, ERR_REFUSED, "crashed 3 times");
    stage_write(stage, "mended");
    assert_int_equal(stage_store_take(s, stage, STAGE_STORE_ANYONE, &again, &err), 0);
    stage_copy_release(&again);
    assert_int_equal(stage_store_unblock(s, copy.hash, &err), 0);
    assert_null(stage_store_blocked(s, copy.hash));
    stage_store_close(s);
    s = store_of("blocks");
    assert_null(stage_store_blocked(s, copy.hash));
    stage_copy_release(&copy);
    stage_store_close(s);
}

static void a_block_is_not_on_disk(void **state)
{
    struct stage_store *s = store_of("durable");
    struct err err = { 0 };
    char *text;

    (void)state;
    file_syncs = dir_syncs = 0;
    assert_int_equal(stage_store_block(s, HASH, "why", &err), 0);
    assert_int_equal(file_syncs, 1);
    assert_int_equal(dir_syncs, 1);
    file_read(at("durable/blocked.json"), &text);
    assert_non_null(strstr(text, "\"hash\": \"" HASH "\""));
    free(text);
    /* cannot be written: it is blocked all the same, and said */
    assert_int_equal(mkdir(at("durable/blocked.json.new"), 0700), 0);
    assert_int_equal(stage_store_block(s, "ffffffffffffffffffffffffffffffff", "why", &err), ERR_IO);
    assert_non_null(strstr(err.text, "durable/blocked.json"));
    assert_non_null(stage_store_blocked(s, "ffffffffffffffffffffffffffffffff"));
    stage_store_close(s);
}

static void a_wrong_block_is_made(void **state)
{
    static const char *const wrong[] = { "", "abc", HASH "0", "0123456789ABCDEF0123456789abcdef",
                                         "0123456789abcdef0123456789abcde/" };
    struct stage_store *s = store_of("wrong");
    struct err err = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(stage_store_block(s, wrong[i], "why", &err), ERR_INVALID);
        assert_null(stage_store_blocked(s, wrong[i]));
    }
    assert_int_equal(stage_store_unblock(s, HASH, &err), ERR_ABSENT);
    assert_non_null(strstr(err.text, "blocked: none"));
    stage_store_block(s, HASH, "why", &err);
    assert_int_equal(stage_store_unblock(s, "abc", &err), ERR_ABSENT);
    assert_non_null(strstr(err.text, "`abc` is not blocked; blocked: " HASH));
    stage_store_close(s);
}

static void blocks_grow_without_end(void **state)
{
    struct buf text = BUF_INIT(MIB);
    struct stage_store *s;
    struct err err = { 0 };
    char why[2000];
    json_t *list;

    (void)state;
    for (unsigned i = 0; i < STAGE_BLOCKS_MAX; i++)
        buf_printf(&text, "%s{\"hash\": \"%032x\", \"at\": \"then\", \"why\": \"why\"}", i ? ",\n" : "[", i);
    buf_add_str(&text, "]");
    assert_int_equal(mkdir(at("many"), 0700), 0);
    file_write(at("many/blocked.json"), text.data, text.len);
    buf_release(&text);
    s = store_of("many");
    memset(why, 'w', sizeof why - 1);
    why[sizeof why - 1] = 0;
    assert_int_equal(stage_store_block(s, "ffffffffffffffffffffffffffffffff", why, &err), 0);
    assert_int_equal(strlen(stage_store_blocked(s, "ffffffffffffffffffffffffffffffff")), STAGE_WHY_MAX);
    assert_int_equal(stage_store_block(s, "fffffffffffffffffffffffffffffffe", "why", &err), 0);
    list = stage_store_blocks(s);
    assert_int_equal(json_array_size(list), STAGE_BLOCKS_MAX);
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "hash")),
                        "00000000000000000000000000000002");
    json_decref(list);
    /* blocking again: the latest, with the new reason, and nothing else is forgotten for it */
    assert_int_equal(stage_store_block(s, "00000000000000000000000000000005", "again \xff and", &err), 0);
    list = stage_store_blocks(s);
    assert_int_equal(json_array_size(list), STAGE_BLOCKS_MAX);
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "hash")),
                        "00000000000000000000000000000002");
    json_t *last = json_array_get(list, STAGE_BLOCKS_MAX - 1);
    assert_string_equal(json_string_value(json_object_get(last, "why")), "again ");
    json_decref(list);
    stage_store_close(s);
}

static void damaged_blocks_are_believed(void **state)
{
    static const struct {
        const char *text, *part;
    } rows[] = {
        { "", "blocked.json:1:" },
        { "{}", "not a list of blocked stages" },
        { "[\n{\"hash\": \"" HASH "\",\n\"at\": \"x\", }]", "blocked.json:3:" },
        { "[{\"hash\": \"abc\", \"at\": \"x\", \"why\": \"y\"}]", "remove it to block none" },
        { "[{\"hash\": \"" HASH "\", \"at\": \"x\", \"why\": 1}]", "not a list" },
        { "[{\"hash\": \"" HASH "\", \"why\": \"y\"}]", "not a list" },
        { "[1]", "not a list" },
    };
    struct stage_store *s;

    (void)state;
    mkdir(at("bad"), 0700);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err err = { 0 };
        file_write(at("bad/blocked.json"), rows[i].text, strlen(rows[i].text));
        assert_int_equal(stage_store_open(at("bad"), &s, &err), ERR_CORRUPT);
        if (!strstr(err.text, rows[i].part))
            fail_msg("%zu: %s", i, err.text);
        assert_null(s);
    }
    assert_int_equal(truncate(at("bad/blocked.json"), 9 << 20), 0);
    assert_int_equal(stage_store_open(at("bad"), &s, NULL), ERR_CORRUPT);
    assert_int_equal(unlink(at("bad/blocked.json")), 0);
    assert_int_equal(mkfifo(at("bad/blocked.json"), 0600), 0);
    assert_int_equal(stage_store_open(at("bad"), &s, NULL), ERR_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_others_could_write_is_taken),
        cmocka_unit_test(what_a_stranger_owns_is_taken),
        cmocka_unit_test(a_link_hides_where_it_leads),
        cmocka_unit_test(a_copy_is_not_the_file),
        cmocka_unit_test(a_damaged_copy_is_used),
        cmocka_unit_test(what_is_no_stage_is_copied),
        cmocka_unit_test(a_name_leads_out_of_the_folder),
        cmocka_unit_test(what_is_in_use_is_swept_away),
        cmocka_unit_test(copies_lie_where_others_write),
        cmocka_unit_test(copies_lie_where_nothing_runs),
        cmocka_unit_test(a_store_is_opened_nowhere),
        cmocka_unit_test(a_blocked_file_is_taken),
        cmocka_unit_test(a_block_is_not_on_disk),
        cmocka_unit_test(a_wrong_block_is_made),
        cmocka_unit_test(blocks_grow_without_end),
        cmocka_unit_test(damaged_blocks_are_believed),
    };

    return cmocka_run_group_tests_name("fails when", tests, setup, teardown);
}
