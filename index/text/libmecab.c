/* MeCab by its own functions: those of the library that fugashi brings, whose addresses are handed in.
 *
 * MeCab's printing by a format takes a third of its time, as it cuts each word's whole entry at every comma; here only the
 * field that is wanted is looked for. */

#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdlib.h>
#include <string.h>

/* mecab_node_t of mecab.h, version 0.996. */
typedef struct node {
    struct node *prev, *next, *enext, *bnext;
    void *rpath, *lpath;
    const char *surface, *feature;
    unsigned int id;
    unsigned short length, rlength, rcAttr, lcAttr, posid;
    unsigned char char_type, stat, isbest;
    float alpha, beta, prob;
    short wcost;
    long cost;
} Node;
enum { KNOWN = 0, UNKNOWN = 1 }; /* stat; others are the ends of a sentence */

typedef struct {
    void (*set_sentence)(void *, const char *, size_t);
    int (*parse)(void *, void *);
    Node *(*first)(void *);
    const char *(*error)(void *);
    void *tagger, *lattice;
} MeCab;

static const char *CAPSULE = "sakuin.index.text.libmecab";

PyDoc_STRVAR(load_doc, "load(arguments, addresses, /)\n--\n\n"
                       "Load a dictionary; it is kept until the process ends.\n\n"
                       "Args:\n"
                       "    arguments: Of the program `mecab`, after its name: -r, a file, -d, a folder.\n"
                       "    addresses: Of mecab_model_new, mecab_model_new_tagger, mecab_model_new_lattice,\n"
                       "        mecab_lattice_set_sentence2, mecab_parse_lattice, mecab_lattice_get_bos_node and\n"
                       "        mecab_lattice_strerror, of version 0.996.\n\n"
                       "Raises:\n"
                       "    OSError: MeCab cannot load it.");

static PyObject *load(PyObject *module, PyObject *args) {
    (void)module;
    char *argv[] = {"mecab", NULL, NULL, NULL, NULL};
    unsigned long long to[7];
    if (!PyArg_ParseTuple(args, "(ssss)(KKKKKKK)", argv + 1, argv + 2, argv + 3, argv + 4, to, to + 1, to + 2, to + 3, to + 4, to + 5, to + 6)) return NULL;
    void *(*new_model)(int, char **) = (void *(*)(int, char **))(size_t)to[0];
    void *(*new_tagger)(void *) = (void *(*)(void *))(size_t)to[1];
    void *(*new_lattice)(void *) = (void *(*)(void *))(size_t)to[2];
    MeCab *mecab = PyMem_Malloc(sizeof(MeCab));
    if (!mecab) return PyErr_NoMemory();
    mecab->set_sentence = (void (*)(void *, const char *, size_t))(size_t)to[3];
    mecab->parse = (int (*)(void *, void *))(size_t)to[4];
    mecab->first = (Node * (*)(void *))(size_t)to[5];
    mecab->error = (const char *(*)(void *))(size_t)to[6];
    void *model = new_model(5, argv);
    mecab->tagger = model ? new_tagger(model) : NULL;
    mecab->lattice = model ? new_lattice(model) : NULL;
    if (!mecab->tagger || !mecab->lattice) {
        PyMem_Free(mecab);
        return PyErr_SetString(PyExc_OSError, "MeCab cannot load its dictionary"), NULL;
    }
    return PyCapsule_New(mecab, CAPSULE, NULL);
}

/* ---- What is printed: grows as it must, without Python's lock */

typedef struct {
    char *start, *end, *limit;
} Out;

static int has_room(Out *out, size_t bytes) {
    if ((size_t)(out->limit - out->end) >= bytes) return 1;
    size_t used = (size_t)(out->end - out->start), size = 2 * (used + bytes);
    char *start = realloc(out->start, size);
    if (!start) return 0;
    *out = (Out){start, start + used, start + size};
    return 1;
}

static int print(Out *out, const char *text, size_t bytes, char behind) {
    if (!has_room(out, bytes + 1)) return 0;
    memcpy(out->end, text, bytes);
    out->end += bytes;
    *out->end++ = behind;
    return 1;
}

/* A field of an entry, which are parted by commas; nothing where it has fewer. */
static const char *field_of(const char *entry, int field, size_t *bytes) {
    for (; field && entry; field--)
        if ((entry = strchr(entry, ','))) entry++;
    *bytes = entry ? strcspn(entry, ",") : 0;
    return entry ? entry : "";
}

static int print_words(Out *out, const Node *node, int field, int with_words, const char *unknown) {
    for (; node; node = node->next) {
        if (node->stat != KNOWN && node->stat != UNKNOWN) continue;
        if (with_words && !print(out, node->surface, node->length, '\t')) return 0;
        const char *found = node->surface;
        size_t bytes = node->length;
        if (node->stat == KNOWN) found = field_of(node->feature, field, &bytes);
        else if (unknown) found = unknown, bytes = strlen(unknown);
        if (!print(out, found, bytes, with_words ? '\n' : ' ')) return 0;
    }
    return 1;
}

PyDoc_STRVAR(parse_doc, "parse(mecab, text, field, with_words, unknown, /)\n--\n\n"
                        "A field of the entry of each word of a text, with a space behind it. Not for two threads at once.\n\n"
                        "Args:\n"
                        "    mecab: As `load` gave it.\n"
                        "    text: Without NUL.\n"
                        "    field: From 0.\n"
                        "    with_words: Each word and a tab before it, and a line break behind it.\n"
                        "    unknown: For words that the dictionary does not have; None for these as they stand.\n\n"
                        "Raises:\n"
                        "    ValueError: MeCab gives up on the text.");

static PyObject *parse(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *capsule;
    const char *text, *unknown;
    Py_ssize_t size;
    int field, with_words;
    if (!PyArg_ParseTuple(args, "Os#ipz", &capsule, &text, &size, &field, &with_words, &unknown)) return NULL;
    MeCab *mecab = PyCapsule_GetPointer(capsule, CAPSULE);
    if (!mecab) return NULL;
    int parsed, printed = 0;
    Out out = {NULL, NULL, NULL};
    Py_BEGIN_ALLOW_THREADS
    mecab->set_sentence(mecab->lattice, text, (size_t)size);
    parsed = mecab->parse(mecab->tagger, mecab->lattice);
    if (parsed) printed = has_room(&out, 2 * (size_t)size + 1) && print_words(&out, mecab->first(mecab->lattice), field, with_words, unknown);
    Py_END_ALLOW_THREADS
    PyObject *result = NULL;
    if (!parsed) PyErr_SetString(PyExc_ValueError, mecab->error(mecab->lattice));
    else if (!printed) PyErr_NoMemory();
    else result = PyUnicode_FromStringAndSize(out.start, out.end - out.start);
    free(out.start);
    return result;
}

static PyMethodDef functions[] = {
    {"load", load, METH_VARARGS, load_doc},
    {"parse", parse, METH_VARARGS, parse_doc},
    {NULL, NULL, 0, NULL},
};

/* To be raised with every change of what a function takes or gives: a module that was compiled before it is not used. */
static int say_interface(PyObject *module) { return PyModule_AddIntConstant(module, "INTERFACE", 1); }

static PyModuleDef_Slot slots[] = {{Py_mod_exec, say_interface}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "libmecab", "MeCab by its own functions.", 0, functions, slots, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_libmecab(void) { return PyModuleDef_Init(&definition); }
