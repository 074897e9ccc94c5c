/* What `japanese` does for each character of a text, in one pass: stop words, pairs of characters, kanji. */

#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>
#include <string.h>

enum { HIRAGANA = 1, KANJI, OTHER_JAPANESE };
enum { BMP = 0x10000 };

static uint8_t classes[BMP]; /* of characters, 0 for what is not Japanese */

/* The character at s, which is valid UTF-8, and its bytes. */
static inline uint32_t character(const char *text, int *bytes) {
    const uint8_t *s = (const uint8_t *)text;
    if (s[0] < 0x80) return *bytes = 1, s[0];
    if (s[0] < 0xE0) return *bytes = 2, (s[0] & 0x1Fu) << 6 | (s[1] & 0x3Fu);
    if (s[0] < 0xF0) return *bytes = 3, (s[0] & 0x0Fu) << 12 | (s[1] & 0x3Fu) << 6 | (s[2] & 0x3Fu);
    return *bytes = 4, (s[0] & 0x07u) << 18 | (s[1] & 0x3Fu) << 12 | (s[2] & 0x3Fu) << 6 | (s[3] & 0x3Fu);
}

/* Kanji beyond BMP are one range, Unicode's planes 2 and 3 as far as they are taken. */
static inline int class_of(uint32_t c) { return c < BMP ? classes[c] : c >= 0x20000 && c < 0x323B0 ? KANJI : 0; }

/* ---- Stop words: a table of hashed places, of so many at most that places are found at once */

enum { PLACES = 1024, MOST_STOP_WORDS = 256, LONGEST_STOP_WORD = 31 };
static char stop_words[PLACES][LONGEST_STOP_WORD + 1];

static inline uint32_t place_of(const char *word, size_t bytes) {
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < bytes; i++) hash = (hash ^ (uint8_t)word[i]) * 16777619u;
    return hash % PLACES;
}

static inline int is_stop_word(const char *word, size_t bytes) {
    if (bytes > LONGEST_STOP_WORD) return 0;
    for (uint32_t at = place_of(word, bytes); stop_words[at][0]; at = (at + 1) % PLACES)
        if (!strncmp(stop_words[at], word, bytes) && !stop_words[at][bytes]) return 1;
    return 0;
}

/* ---- Pairs of hiragana that are no terms */

enum { FIRST_HIRAGANA = 0x3041, MOST_HIRAGANA = 96 };
static uint8_t common_pairs[MOST_HIRAGANA][MOST_HIRAGANA];

static inline int is_common_pair(uint32_t a, uint32_t b) {
    a -= FIRST_HIRAGANA, b -= FIRST_HIRAGANA;
    return a < MOST_HIRAGANA && b < MOST_HIRAGANA && common_pairs[a][b];
}

/* ---- Setting up */

/* Ranges and characters, as they stand between the brackets of a regular expression. */
static int note_class(PyObject *text, uint8_t class) {
    Py_ssize_t size;
    const char *s = PyUnicode_AsUTF8AndSize(text, &size);
    if (!s) return 0;
    const char *end = s + size;
    for (int bytes; s < end;) {
        uint32_t first = character(s, &bytes), last = first;
        s += bytes;
        if (s + 1 < end && *s == '-') {
            last = character(s + 1, &bytes);
            s += 1 + bytes;
        }
        for (uint32_t c = first; c <= last && c < BMP; c++) classes[c] = class;
    }
    return 1;
}

static int note_common_pairs(PyObject *text) {
    Py_ssize_t size;
    const char *s = PyUnicode_AsUTF8AndSize(text, &size);
    if (!s) return 0;
    memset(common_pairs, 0, sizeof(common_pairs));
    const char *end = s + size;
    for (int bytes; s < end;) {
        uint32_t a = character(s, &bytes) - FIRST_HIRAGANA;
        s += bytes;
        if (s >= end) break;
        uint32_t b = character(s, &bytes) - FIRST_HIRAGANA;
        s += bytes;
        if (a < MOST_HIRAGANA && b < MOST_HIRAGANA) common_pairs[a][b] = 1;
    }
    return 1;
}

PyDoc_STRVAR(set_up_doc, "set_up(hiragana, kanji, others, stop_words, common_pairs, /)\n--\n\n"
                         "Say which characters below U+10000 are which, as in `characters`, and which words, and which pairs\n"
                         "of hiragana in a row, are no terms.\n\n"
                         "Raises:\n"
                         "    ValueError: there are too many stop words, or too long ones.");

static PyObject *set_up(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *hiragana, *kanji, *others, *words, *pairs;
    if (!PyArg_ParseTuple(args, "UUUO!U", &hiragana, &kanji, &others, &PyList_Type, &words, &pairs)) return NULL;
    if (!note_common_pairs(pairs)) return NULL;
    if (!note_class(others, OTHER_JAPANESE) || !note_class(hiragana, HIRAGANA) || !note_class(kanji, KANJI)) return NULL;
    memset(stop_words, 0, sizeof(stop_words));
    if (PyList_Size(words) > MOST_STOP_WORDS) return PyErr_SetString(PyExc_ValueError, "too many stop words"), NULL;
    for (Py_ssize_t i = 0; i < PyList_Size(words); i++) {
        Py_ssize_t size;
        const char *word = PyUnicode_AsUTF8AndSize(PyList_GetItem(words, i), &size);
        if (!word) return NULL;
        if (size > LONGEST_STOP_WORD) return PyErr_SetString(PyExc_ValueError, "a stop word is too long"), NULL;
        uint32_t at = place_of(word, (size_t)size);
        while (stop_words[at][0]) at = (at + 1) % PLACES;
        memcpy(stop_words[at], word, (size_t)size);
    }
    Py_RETURN_NONE;
}

/* ---- Terms */

/* Add a term and a space behind it. */
static inline char *added(char *out, const char *term, size_t bytes) {
    memcpy(out, term, bytes);
    out[bytes] = ' ';
    return out + bytes + 1;
}

static char *add_words(char *out, const char *s, const char *end) {
    while (s < end) {
        const char *stop = memchr(s, ' ', (size_t)(end - s));
        if (!stop) stop = end;
        if (stop > s && !is_stop_word(s, (size_t)(stop - s))) out = added(out, s, (size_t)(stop - s));
        s = stop + 1;
    }
    return out;
}

static char *add_pairs(char *out, const char *s, const char *end) {
    int bytes, bytes_before = 0, before = 0;
    uint32_t last = 0;
    for (; s < end; s += bytes) {
        uint32_t c = character(s, &bytes);
        int class = class_of(c);
        if (before && class && !is_common_pair(last, c)) out = added(out, s - bytes_before, (size_t)(bytes_before + bytes));
        before = class, bytes_before = bytes, last = c;
    }
    return out;
}

static char *add_kanji(char *out, const char *s, const char *end) {
    for (int bytes; s < end; s += bytes)
        if (class_of(character(s, &bytes)) == KANJI) out = added(out, s, (size_t)bytes);
    return out;
}

PyDoc_STRVAR(terms_doc, "terms(words, stream, /)\n--\n\n"
                        "Words, parted by spaces, without stop words, then the pairs and the kanji of a stream: parted by\n"
                        "spaces too.");

static PyObject *terms(PyObject *module, PyObject *args) {
    (void)module;
    const char *words, *stream;
    Py_ssize_t words_size, stream_size;
    if (!PyArg_ParseTuple(args, "s#s#", &words, &words_size, &stream, &stream_size)) return NULL;
    /* A Japanese character has three bytes or four, and stands in two pairs and for itself. */
    char *start = PyMem_Malloc((size_t)(words_size + 1 + 6 * stream_size + 16)), *out = start;
    if (!start) return PyErr_NoMemory();
    out = add_words(out, words, words + words_size);
    out = add_pairs(out, stream, stream + stream_size);
    out = add_kanji(out, stream, stream + stream_size);
    PyObject *result = PyUnicode_FromStringAndSize(start, out > start ? out - start - 1 : 0);
    PyMem_Free(start);
    return result;
}

static PyMethodDef functions[] = {
    {"set_up", set_up, METH_VARARGS, set_up_doc},
    {"terms", terms, METH_VARARGS, terms_doc},
    {NULL, NULL, 0, NULL},
};

/* To be raised with every change of what a function takes or gives: a module that was compiled before it is not used. */
static int say_interface(PyObject *module) { return PyModule_AddIntConstant(module, "INTERFACE", 2); }

static PyModuleDef_Slot slots[] = {{Py_mod_exec, say_interface}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "native", "The analysis of Japanese, character by character, in C.", 0, functions, slots, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_native(void) { return PyModuleDef_Init(&definition); }
