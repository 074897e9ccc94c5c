/* Stands between a process and its files: counts what it does to those below a folder, and ends it, or lets it find the
   disk full, at the n-th time. Loaded by LD_PRELOAD; a tool of tests/index/kills.py.

   SHIM_FOLDER   what counts: files whose path begins so
   SHIM_MODE     count, kill (before the n-th call), torn (half of the n-th write, or all of another call), full (no room
                 from the n-th call on)
   SHIM_AT       n, from 1
   SHIM_LOG      each counted call is appended here, a line each
   SHIM_SHADOW   a folder for what a power cut would leave: at each sync of a file its bytes, as i<inode>, at each sync of
                 a folder its names, as d<inode>                                                                       */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static const char *folder, *mode, *shadow;
static long at, calls;
static int log_fd = -1, full;

static void __attribute__((constructor)) begin(void) {
    folder = getenv("SHIM_FOLDER");
    mode = getenv("SHIM_MODE");
    shadow = getenv("SHIM_SHADOW");
    at = getenv("SHIM_AT") ? atol(getenv("SHIM_AT")) : 0;
    if (getenv("SHIM_LOG"))
        log_fd = syscall(SYS_openat, AT_FDCWD, getenv("SHIM_LOG"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int is_mode(const char *name) { return mode && !strcmp(mode, name); }

static void end(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static int path_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return 1;
}

static int counts(const char *path) {
    /* What readers share in memory is made anew after a crash. */
    size_t length = path ? strlen(path) : 0;
    return folder && path && !strncmp(path, folder, strlen(folder)) && !(length > 4 && !strcmp(path + length - 4, "-shm"));
}

/* Whether this call is the n-th; ends the process if it is to end before it. */
static int is_chosen(const char *what, const char *path) {
    if (!counts(path)) return 0;
    long number = __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
    if (log_fd >= 0) {
        char line[PATH_MAX + 64];
        int length = snprintf(line, sizeof line, "%s %s\n", what, path);
        syscall(SYS_write, log_fd, line, length);
    }
    if (is_mode("full") && number >= at) full = 1;
    if (number != at) return 0;
    if (is_mode("kill")) end();
    return is_mode("torn");
}

#define REAL(name) static __typeof__(name) *real; if (!real) real = dlsym(RTLD_NEXT, #name)
#define NO_ROOM() do { if (full) { errno = ENOSPC; return -1; } } while (0)

ssize_t write(int fd, const void *data, size_t size) {
    REAL(write);
    char path[PATH_MAX];
    if (folder && fd > 2 && path_of(fd, path) && counts(path)) {
        if (is_chosen("write", path)) { real(fd, data, size / 2); end(); }
        NO_ROOM();
    }
    return real(fd, data, size);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
    REAL(pwrite);
    char path[PATH_MAX];
    if (folder && path_of(fd, path) && counts(path)) {
        if (is_chosen("pwrite", path)) { real(fd, data, size / 2, offset); end(); }
        NO_ROOM();
    }
    return real(fd, data, size, offset);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) { return pwrite(fd, data, size, offset); }

ssize_t writev(int fd, const struct iovec *parts, int number) {
    REAL(writev);
    char path[PATH_MAX];
    if (folder && fd > 2 && path_of(fd, path) && counts(path)) {
        if (is_chosen("writev", path)) { real(fd, parts, number > 1 ? number / 2 : 1); end(); }
        NO_ROOM();
    }
    return real(fd, parts, number);
}

size_t fwrite(const void *data, size_t size, size_t number, FILE *file) {
    REAL(fwrite);
    char path[PATH_MAX];
    int fd = fileno(file);
    if (folder && fd > 2 && path_of(fd, path) && counts(path)) {
        if (is_chosen("fwrite", path)) { real(data, size, number / 2, file); fflush(file); end(); }
        if (full) { errno = ENOSPC; return 0; }
    }
    return real(data, size, number, file);
}

/* What is on the disk of a file or a folder from now on, whatever happens. */
static void remember(int fd) {
    struct stat status;
    char part[PATH_MAX + 64], whole[PATH_MAX];
    if (!shadow || fstat(fd, &status)) return;
    int is_folder = S_ISDIR(status.st_mode);
    snprintf(whole, sizeof whole, "%s/%c%llu", shadow, is_folder ? 'd' : 'i', (unsigned long long)status.st_ino);
    snprintf(part, sizeof part, "%s.part%ld", whole, (long)syscall(SYS_gettid));
    int to = syscall(SYS_openat, AT_FDCWD, part, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (to < 0) return;
    if (is_folder) {
        char own[PATH_MAX];
        DIR *names = path_of(fd, own) ? opendir(own) : NULL;
        struct dirent *entry;
        while (names && (entry = readdir(names))) {
            char line[PATH_MAX];
            if (entry->d_name[0] == '.' && (!entry->d_name[1] || !strcmp(entry->d_name, ".."))) continue;
            int length = snprintf(line, sizeof line, "%llu %s\n", (unsigned long long)entry->d_ino, entry->d_name);
            syscall(SYS_write, to, line, length);
        }
        if (names) closedir(names);
    } else {
        char link[64], block[65536];
        ssize_t length;
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        int from = syscall(SYS_openat, AT_FDCWD, link, O_RDONLY);
        while (from >= 0 && (length = syscall(SYS_read, from, block, sizeof block)) > 0)
            syscall(SYS_write, to, block, length);
        if (from >= 0) syscall(SYS_close, from);
    }
    syscall(SYS_close, to);
    syscall(SYS_renameat2, AT_FDCWD, part, AT_FDCWD, whole, 0);
}

#define SYNC(name)                                                                   \
    int name(int fd) {                                                               \
        REAL(name);                                                                  \
        char path[PATH_MAX];                                                         \
        if (!folder || !path_of(fd, path) || !counts(path)) return real(fd);         \
        int chosen = is_chosen(#name, path);                                         \
        remember(fd);                                                                \
        if (chosen) end();                                                           \
        return real(fd);                                                             \
    }
SYNC(fsync)
SYNC(fdatasync)

#define ON_PATH(name, path, types, call, needs_room)                                 \
    int name types {                                                                 \
        REAL(name);                                                                  \
        int chosen = is_chosen(#name, path);                                         \
        if (needs_room && counts(path)) NO_ROOM();                                   \
        int result = real call;                                                      \
        if (chosen) end();                                                           \
        return result;                                                               \
    }
ON_PATH(rename, to, (const char *from, const char *to), (from, to), 1)
ON_PATH(renameat, to, (int a, const char *from, int b, const char *to), (a, from, b, to), 1)
ON_PATH(renameat2, to, (int a, const char *from, int b, const char *to, unsigned flags), (a, from, b, to, flags), 1)
ON_PATH(link, to, (const char *from, const char *to), (from, to), 1)
ON_PATH(linkat, to, (int a, const char *from, int b, const char *to, int flags), (a, from, b, to, flags), 1)
ON_PATH(unlink, path, (const char *path), (path), 0)
ON_PATH(rmdir, path, (const char *path), (path), 0)
ON_PATH(mkdir, path, (const char *path, mode_t rights), (path, rights), 1)

/* Python's shutil.rmtree works by the descriptors of folders. */
int unlinkat(int within, const char *name, int flags) {
    REAL(unlinkat);
    char path[2 * PATH_MAX];
    int chosen = 0;
    if (name[0] == '/' || within == AT_FDCWD) chosen = is_chosen("unlinkat", name);
    else if (path_of(within, path)) {
        strncat(strcat(path, "/"), name, PATH_MAX - 1);
        chosen = is_chosen("unlinkat", path);
    }
    int result = real(within, name, flags);
    if (chosen) end();
    return result;
}

int ftruncate(int fd, off_t size) {
    REAL(ftruncate);
    char path[PATH_MAX];
    int chosen = path_of(fd, path) && is_chosen("ftruncate", path);
    int result = real(fd, size);
    if (chosen) end();
    return result;
}
int ftruncate64(int fd, off64_t size) { return ftruncate(fd, size); }


/* How much room there is, for who asks why something failed. */
int statvfs(const char *path, struct statvfs *room) {
    REAL(statvfs);
    int result = real(path, room);
    if (full) room->f_bavail = room->f_bfree = 0;
    return result;
}

int statvfs64(const char *path, struct statvfs64 *room) { return statvfs(path, (struct statvfs *)room); }

#define OPEN(name)                                                                   \
    int name(const char *path, int flags, ...) {                                     \
        REAL(name);                                                                  \
        mode_t rights = 0;                                                           \
        if (flags & (O_CREAT | O_TMPFILE)) {                                         \
            va_list rest;                                                            \
            va_start(rest, flags);                                                   \
            rights = va_arg(rest, mode_t);                                           \
            va_end(rest);                                                            \
        }                                                                            \
        struct stat there;                                                           \
        int makes = (flags & O_CREAT) && counts(path) && stat(path, &there);         \
        int chosen = makes && is_chosen("open", path);                               \
        if (makes) NO_ROOM();                                                        \
        int result = real(path, flags, rights);                                      \
        if (chosen) end();                                                           \
        return result;                                                               \
    }
OPEN(open)
OPEN(open64)
