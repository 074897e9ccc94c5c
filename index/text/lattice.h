/* What `native.c` shares with `lattice.c`. */

#ifndef SAKUIN_LATTICE_H
#define SAKUIN_LATTICE_H

#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>

typedef struct mecab MeCab;

/* A word of the best path through a text. */
typedef struct {
    const char *surface;
    uint32_t length; /* bytes */
    int32_t token;   /* its entry in the dictionary; UNKNOWN where it has none */
} Word;
enum { UNKNOWN = -1 };

/* The dictionary behind a capsule that `load` gave; NULL with an exception. */
MeCab *mecab_in(PyObject *capsule);

/* The words of a text, `number` of them, until the next call; NULL where there is no memory or the text is too long. Not
 * for two threads at once. */
const Word *words_of(MeCab *mecab, const char *text, size_t size, size_t *number);

/* The dictionary form of an entry, and what was noted of it, 0 where nothing was. */
const char *base_of(MeCab *mecab, int32_t token, size_t *bytes, int *note);
void note_of_base(MeCab *mecab, int32_t token, int note); /* 1 to 3 */

/* What grows as it must, without Python's lock; zeroes at first, free(start) at last. */
typedef struct {
    char *start;
    size_t used, room;
} Out;
int has_room_for(Out *out, size_t bytes);

extern const char load_doc[], parse_doc[];
PyObject *load(PyObject *module, PyObject *args);
PyObject *parse(PyObject *module, PyObject *args);

#endif
