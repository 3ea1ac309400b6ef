/* Stands between a program and its disk: records what is written and what is synced, in order, and fails on demand.
 *
 * Preloaded (LD_PRELOAD); silent until points_record() or points_fail() is called. Only what lies below one
 * folder counts. SQLite's -shm files are left out: they are memory, and made anew by whoever opens first.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CREATE = 'c', WRITE = 'w', TRUNCATE = 't', SYNC = 's', RENAME = 'r', UNLINK = 'u', MKDIR = 'd', SYNC_FOLDER = 'f' };

struct header { uint32_t kind; uint32_t path; uint64_t inode; int64_t offset; uint64_t length; };

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
static char folder[PATH_MAX];
static int record = -1;
static char failing; /* which kind of operation fails, 0 for none */
static long fail_after, fail_times;
static int fail_with;

/* From now on write what happens below `below` to the file `into`. */
void points_record(const char *below, const char *into)
{
    snprintf(folder, sizeof folder, "%s", below);
    record = (int)syscall(SYS_openat, AT_FDCWD, into, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* After `after` more operations of `kind` below `below`, let `times` of them fail with `error`. */
void points_fail(const char *below, int kind, long after, long times, int error)
{
    snprintf(folder, sizeof folder, "%s", below);
    fail_after = after;
    fail_times = times;
    fail_with = error;
    failing = (char)kind;
}

static int ours(const char *path)
{
    size_t length = strlen(folder), whole = strlen(path);
    return length && !strncmp(path, folder, length) && path[length] == '/'
        && !(whole > 4 && !strcmp(path + whole - 4, "-shm"));
}

static int path_of(int fd, char *path)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    return ours(path) || !strcmp(path, folder);
}

static int watching(void) { return record >= 0 || failing; }

static void put(uint32_t kind, const char *path, uint64_t inode, int64_t offset, const void *bytes, uint64_t length)
{
    if (record < 0)
        return;
    struct header header = {kind, path ? (uint32_t)strlen(path) : 0, inode, offset, length};
    struct iovec parts[3] = {
        {&header, sizeof header}, {(void *)path, header.path}, {(void *)bytes, bytes ? (size_t)length : 0}};
    syscall(SYS_writev, record, parts, 3);
}

/* Whether this operation is one that shall fail. */
static int fails(char kind)
{
    if (failing != kind || fail_times <= 0)
        return 0;
    if (fail_after > 0) {
        fail_after--;
        return 0;
    }
    fail_times--;
    errno = fail_with;
    return 1;
}

static uint64_t inode_of(int fd)
{
    struct stat found;
    return fstat(fd, &found) ? 0 : (uint64_t)found.st_ino;
}

static int absolute(int at, const char *name, char *path)
{
    if (name[0] == '/')
        return snprintf(path, PATH_MAX, "%s", name) > 0 && ours(path);
    char base[PATH_MAX];
    if (at == AT_FDCWD ? !getcwd(base, sizeof base) : !path_of(at, base))
        return 0;
    return snprintf(path, PATH_MAX, "%s/%s", base, name) > 0 && ours(path);
}

static int opened(int at, const char *name, int flags, mode_t mode)
{
    char path[PATH_MAX];
    if (!watching() || !(flags & (O_CREAT | O_TRUNC)) || !absolute(at, name, path))
        return (int)syscall(SYS_openat, at, name, flags, mode);
    pthread_mutex_lock(&one_at_a_time);
    int there = !access(path, F_OK);
    int fd = !there && fails(CREATE) ? -1 : (int)syscall(SYS_openat, at, name, flags, mode);
    if (fd >= 0 && !there)
        put(CREATE, path, inode_of(fd), 0, NULL, 0);
    else if (fd >= 0 && flags & O_TRUNC)
        put(TRUNCATE, NULL, inode_of(fd), 0, NULL, 0);
    pthread_mutex_unlock(&one_at_a_time);
    return fd;
}

static mode_t mode_in(int flags, va_list more)
{
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;
}

#define OPENING(name) \
    int name(const char *path, int flags, ...) \
    { \
        va_list more; \
        va_start(more, flags); \
        mode_t mode = mode_in(flags, more); \
        va_end(more); \
        return opened(AT_FDCWD, path, flags, mode); \
    }
OPENING(open)
OPENING(open64)

#define OPENING_AT(name) \
    int name(int at, const char *path, int flags, ...) \
    { \
        va_list more; \
        va_start(more, flags); \
        mode_t mode = mode_in(flags, more); \
        va_end(more); \
        return opened(at, path, flags, mode); \
    }
OPENING_AT(openat)
OPENING_AT(openat64)

static ssize_t written(int fd, const void *bytes, size_t length, off64_t offset)
{
    char path[PATH_MAX];
    int placed = offset >= 0;
    if (!watching() || !path_of(fd, path))
        return placed ? syscall(SYS_pwrite64, fd, bytes, length, offset) : syscall(SYS_write, fd, bytes, length);
    pthread_mutex_lock(&one_at_a_time);
    if (!placed)
        offset = fcntl(fd, F_GETFL) & O_APPEND ? lseek64(fd, 0, SEEK_END) : lseek64(fd, 0, SEEK_CUR);
    ssize_t done = fails(WRITE) ? -1
        : placed ? syscall(SYS_pwrite64, fd, bytes, length, offset) : syscall(SYS_write, fd, bytes, length);
    if (done > 0)
        put(WRITE, NULL, inode_of(fd), offset, bytes, (uint64_t)done);
    pthread_mutex_unlock(&one_at_a_time);
    return done;
}

ssize_t write(int fd, const void *bytes, size_t length) { return written(fd, bytes, length, -1); }
ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) { return written(fd, bytes, length, offset); }
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) { return written(fd, bytes, length, offset); }

/* Copies inside the kernel would pass unseen: who is refused them writes. */
ssize_t sendfile(int out, int in, off_t *offset, size_t length)
{
    char path[PATH_MAX];
    if (watching() && path_of(out, path)) {
        errno = EINVAL;
        return -1;
    }
    return syscall(SYS_sendfile, out, in, offset, length);
}
ssize_t sendfile64(int out, int in, off64_t *offset, size_t length) { return sendfile(out, in, (off_t *)offset, length); }
ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t length, unsigned int flags)
{
    char path[PATH_MAX];
    if (watching() && path_of(out, path)) {
        errno = EINVAL;
        return -1;
    }
    return syscall(SYS_copy_file_range, in, from, out, to, length, flags);
}

static int cut(int fd, off64_t length)
{
    char path[PATH_MAX];
    if (!watching() || !path_of(fd, path))
        return (int)syscall(SYS_ftruncate, fd, length);
    pthread_mutex_lock(&one_at_a_time);
    int done = fails(TRUNCATE) ? -1 : (int)syscall(SYS_ftruncate, fd, length);
    if (!done)
        put(TRUNCATE, NULL, inode_of(fd), length, NULL, 0);
    pthread_mutex_unlock(&one_at_a_time);
    return done;
}
int ftruncate(int fd, off_t length) { return cut(fd, length); }
int ftruncate64(int fd, off64_t length) { return cut(fd, length); }

static int synced(int fd)
{
    char path[PATH_MAX];
    struct stat found;
    if (!watching() || !path_of(fd, path) || fstat(fd, &found))
        return (int)syscall(SYS_fsync, fd);
    pthread_mutex_lock(&one_at_a_time);
    int folder_too = S_ISDIR(found.st_mode);
    int failed = fails(SYNC);
    if (!failed) /* the record says what is durable: nothing has to wait for a real disk */
        put(folder_too ? SYNC_FOLDER : SYNC, folder_too ? path : NULL, (uint64_t)found.st_ino, 0, NULL, 0);
    pthread_mutex_unlock(&one_at_a_time);
    return failed ? -1 : 0;
}
int fsync(int fd) { return synced(fd); }
int fdatasync(int fd) { return synced(fd); }

static int renamed(int from_at, const char *from, int to_at, const char *to)
{
    char old[PATH_MAX], new[PATH_MAX];
    if (!watching() || !absolute(from_at, from, old) || !absolute(to_at, to, new))
        return (int)syscall(SYS_renameat, from_at, from, to_at, to);
    pthread_mutex_lock(&one_at_a_time);
    int done = fails(RENAME) ? -1 : (int)syscall(SYS_renameat, from_at, from, to_at, to);
    if (!done)
        put(RENAME, old, 0, 0, new, strlen(new));
    pthread_mutex_unlock(&one_at_a_time);
    return done;
}
int rename(const char *from, const char *to) { return renamed(AT_FDCWD, from, AT_FDCWD, to); }
int renameat(int from_at, const char *from, int to_at, const char *to) { return renamed(from_at, from, to_at, to); }

static int removed(int at, const char *name, int flags)
{
    char path[PATH_MAX];
    if (!watching() || !absolute(at, name, path))
        return (int)syscall(SYS_unlinkat, at, name, flags);
    pthread_mutex_lock(&one_at_a_time);
    int done = (int)syscall(SYS_unlinkat, at, name, flags);
    if (!done)
        put(UNLINK, path, 0, 0, NULL, 0);
    pthread_mutex_unlock(&one_at_a_time);
    return done;
}
int unlink(const char *name) { return removed(AT_FDCWD, name, 0); }
int unlinkat(int at, const char *name, int flags) { return removed(at, name, flags); }

int mkdir(const char *name, mode_t mode)
{
    char path[PATH_MAX];
    if (!watching() || !absolute(AT_FDCWD, name, path))
        return (int)syscall(SYS_mkdirat, AT_FDCWD, name, mode);
    pthread_mutex_lock(&one_at_a_time);
    int done = (int)syscall(SYS_mkdirat, AT_FDCWD, name, mode);
    if (!done)
        put(MKDIR, path, 0, 0, NULL, 0);
    pthread_mutex_unlock(&one_at_a_time);
    return done;
}
