/* The encoder's hot path: text to token ids, to weighted bags of ids, to sums of the table's rows; late interaction; and
   cosines of stored vectors.

   Everything here is what the package does without this module, bit for bit: ids as `tokenizers` gives them for a
   Unigram tokenizer, weights as `pooling` and `democratic` compute them, and sums by fused multiply-add in the order of
   a text's ids. So floating-point expressions must not be rearranged or contracted: see the flags in setup.py.

   Texts that could come out differently are not guessed at but handed back ("awkward"), to be read by `tokenizers`:
   those with a special token written out, and those where grapheme clusters of fewer than six bytes may matter, which
   the Precompiled normaliser of `tokenizers` maps as a whole. */

#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* One version of a function for each generation of processors, chosen when the module is loaded. FUSES says whether any
   has fused multiply-add as an instruction: as a call of a function it is slower than all that this module saves. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#if __GNUC__ >= 12
#define FOR_EACH_PROCESSOR __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#define FUSES (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
#else
#define FOR_EACH_PROCESSOR __attribute__((target_clones("fma", "default")))
#define FUSES __builtin_cpu_supports("fma")
#endif
#else
#define FOR_EACH_PROCESSOR
#if defined(__FMA__) || defined(__aarch64__)
#define FUSES 1
#else
#define FUSES 0
#endif
#endif

#define LEAD_TOKENS 16
#define DIRECTION_DIMENSIONS 64
#define AHEAD 2     /* rows that are fetched before they are added */
#define FAR_AHEAD 8 /* and where a row takes no longer than to fetch one */

enum { UNKNOWN, MARK, SPACE, FIRST_CODE }; /* codes of characters: in no piece, the word mark, a space */
#define MANY 0x80000000u                   /* of the map from characters: a place in `expansions`, not a code */
#define BMP 0x10000u
#define TO_TOKENIZERS 0xFFFFFFFFu            /* of the map: only `tokenizers` knows what becomes of it */

/* ---- What is known of a tokenizer ---- */

typedef struct {
    int32_t base, parent, piece; /* of the trie over codes: a double array (Aoe 1989), piece -1 for none */
} Node;

typedef struct {
    Node *nodes;
    int32_t size;
    double *scores;
    double unknown_score;
    int32_t unknown, pieces;
    uint32_t *plain;      /* of characters below BMP: the code of each as it stands */
    uint32_t *map;        /* of what the normaliser makes of it: a code, or MANY | place */
    uint32_t *expansions; /* at a place: how many codes, then they */
    uint32_t *rare;       /* pairs of (character beyond BMP, code), ascending */
    size_t rare_count;
    uint32_t *charsmap; /* units of its double array, then the mapped strings */
    size_t units, strings_length;
    const char *strings;
    char **specials; /* what must not stand in a text */
    uint32_t **special_codes; /* nor, unless NULL, in a normalised one: how many codes, then they */
    int specials_count;
    uint8_t begins_special[256];
    int strip_right, split_whitespace;
} Tokenizer;

static void tokenizer_free(Tokenizer *t) {
    if (!t) return;
    for (int i = 0; i < t->specials_count; i++) {
        if (t->specials) free(t->specials[i]);
        if (t->special_codes) free(t->special_codes[i]);
    }
    free(t->specials);
    free(t->special_codes);
    free(t->nodes);
    free(t->scores);
    free(t->plain);
    free(t->map);
    free(t->expansions);
    free(t->rare);
    free(t->charsmap);
    free(t);
}

static const char *CAPSULE = "sakuin.embedder.native.tokenizer";

static void capsule_free(PyObject *capsule) { tokenizer_free(PyCapsule_GetPointer(capsule, CAPSULE)); }

/* ---- UTF-8, of which Python promises that it is valid ---- */

static inline uint32_t character(const uint8_t *s, int *bytes) {
    if (s[0] < 0x80) return *bytes = 1, s[0];
    if (s[0] < 0xE0) return *bytes = 2, (s[0] & 0x1Fu) << 6 | (s[1] & 0x3Fu);
    if (s[0] < 0xF0) return *bytes = 3, (s[0] & 0x0Fu) << 12 | (s[1] & 0x3Fu) << 6 | (s[2] & 0x3Fu);
    return *bytes = 4, (s[0] & 0x07u) << 18 | (s[1] & 0x3Fu) << 12 | (s[2] & 0x3Fu) << 6 | (s[3] & 0x3Fu);
}

static int utf8(uint32_t c, uint8_t *out) {
    if (c < 0x80) return out[0] = (uint8_t)c, 1;
    if (c < 0x800) return out[0] = (uint8_t)(0xC0 | c >> 6), out[1] = (uint8_t)(0x80 | (c & 0x3F)), 2;
    if (c < BMP) {
        out[0] = (uint8_t)(0xE0 | c >> 12), out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3F));
        return out[2] = (uint8_t)(0x80 | (c & 0x3F)), 3;
    }
    out[0] = (uint8_t)(0xF0 | c >> 18), out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3F));
    return out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3F)), out[3] = (uint8_t)(0x80 | (c & 0x3F)), 4;
}

/* Whether a character never joins those beside it into one grapheme cluster (but CR and LF, and jamo after Hangul
   syllables, which are six bytes). What is in none of these ranges is treated as if it might. */
static inline int stands_alone(uint32_t c) {
    return c < 0x300 || (c >= 0x370 && c < 0x483) || (c >= 0x48A && c < 0x590) || (c >= 0x1E00 && c < 0x200C) ||
           (c >= 0x200E && c < 0x20D0) || (c >= 0x2100 && c < 0x2CEF) || (c >= 0x2E00 && c < 0x302A) ||
           (c >= 0x3030 && c < 0x3099) || (c >= 0x309B && c < 0xA66F) || (c >= 0xAC00 && c < 0xD7A4) ||
           (c >= 0xF900 && c < 0xFB1E) || (c >= 0xFE30 && c < 0xFF9E) || (c >= 0xFFA0 && c < 0xFFF0) ||
           (c >= 0x1F000 && c < 0x1F1E6) || (c >= 0x1F200 && c < 0x1F3FB) || (c >= 0x1F400 && c < 0x1FB00) ||
           (c >= 0x20000 && c < 0x323B0);
}

/* Whether a character may join the one behind it (Grapheme_Cluster_Break=Prepend); beyond BMP, any that is not known. */
static inline int may_prepend(uint32_t c) {
    return (c >= 0x600 && c < 0x606) || c == 0x6DD || c == 0x70F || c == 0x890 || c == 0x891 || c == 0x8E2 ||
           c == 0xD4E || (c >= BMP && !stands_alone(c));
}

/* White space beyond ' ' that a normaliser may have left. */
static inline int is_other_whitespace(uint32_t c) {
    return (c >= 9 && c <= 13) || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) ||
           c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

/* ---- Making a tokenizer ---- */

/* What the Precompiled normaliser makes of a character by itself: the first match of its double array (darts-clone),
   or NULL where it stays. */
static const char *mapped(const Tokenizer *t, const uint8_t *s, int bytes) {
    if (!t->units) return NULL;
    size_t at = 0;
    uint32_t unit = t->charsmap[0];
    at ^= (size_t)(unit >> 10) << ((unit & 1u << 9) >> 6);
    for (int i = 0; i < bytes && s[i]; i++) {
        at ^= s[i];
        if (at >= t->units) return NULL;
        unit = t->charsmap[at];
        if ((unit & (1u << 31 | 0xFF)) != s[i]) return NULL;
        at ^= (size_t)(unit >> 10) << ((unit & 1u << 9) >> 6);
        if (unit >> 8 & 1) {
            if (at >= t->units) return NULL;
            size_t place = t->charsmap[at] & 0x7FFFFFFFu;
            return place < t->strings_length ? t->strings + place : NULL;
        }
    }
    return NULL;
}

typedef struct {
    const uint32_t *codes;
    int32_t length, id;
} Piece;

static int by_codes(const void *left, const void *right) {
    const Piece *a = left, *b = right;
    int32_t shorter = a->length < b->length ? a->length : b->length;
    for (int32_t i = 0; i < shorter; i++)
        if (a->codes[i] != b->codes[i]) return a->codes[i] < b->codes[i] ? -1 : 1;
    if (a->length != b->length) return a->length < b->length ? -1 : 1;
    return a->id < b->id ? -1 : 1; /* of equal pieces the last counts, as in tokenizers */
}

typedef struct {
    Tokenizer *t;
    int32_t *next; /* free places, in a list: the one behind each, and before */
    int32_t *previous;
    int failed;
} Building;

static int grow(Building *b, int32_t wanted) {
    Tokenizer *t = b->t;
    if (wanted <= t->size) return 1;
    int32_t size = t->size ? t->size : 1024;
    while (size < wanted) size *= 2;
    Node *nodes = realloc(t->nodes, (size_t)size * sizeof(Node));
    if (nodes) t->nodes = nodes;
    int32_t *next = realloc(b->next, ((size_t)size + 1) * sizeof(int32_t));
    if (next) b->next = next;
    int32_t *previous = realloc(b->previous, ((size_t)size + 1) * sizeof(int32_t));
    if (previous) b->previous = previous;
    if (!nodes || !next || !previous) return b->failed = 1, 0;
    /* The list is a ring through place 0, which is the root's and never free. */
    int32_t last = t->size ? previous[0] : 0;
    for (int32_t i = t->size ? t->size : 1; i < size; i++) {
        t->nodes[i] = (Node){0, -1, -1};
        next[last] = i;
        previous[i] = last;
        last = i;
    }
    next[last] = 0;
    previous[0] = last;
    if (!t->size) t->nodes[0] = (Node){0, -1, -1};
    t->size = size;
    return 1;
}

/* Put the pieces first:last, which share the path to a node, below it. */
static void place_children(Building *b, const Piece *pieces, int32_t first, int32_t last, int32_t depth, int32_t node) {
    Tokenizer *t = b->t;
    while (first < last && pieces[first].length == depth) t->nodes[node].piece = pieces[first++].id;
    if (first == last) return;
    int32_t lowest = (int32_t)pieces[first].codes[depth], highest = (int32_t)pieces[last - 1].codes[depth];
    int32_t base = 0;
    for (int32_t place = b->next[0], fits = 0; !fits; place = b->next[place]) {
        if (!place) { /* the ring is through */
            place = t->size;
            if (!grow(b, t->size + highest + 2)) return;
        }
        base = place - lowest;
        if (base < 1) continue;
        if (!grow(b, base + highest + 1)) return;
        fits = 1;
        for (int32_t i = first; fits && i < last; i++)
            fits = t->nodes[base + (int32_t)pieces[i].codes[depth]].parent < 0;
    }
    t->nodes[node].base = base;
    for (int32_t i = first; i < last; i++) {
        int32_t place = base + (int32_t)pieces[i].codes[depth];
        if (t->nodes[place].parent >= 0) continue; /* taken by the piece before, which begins alike */
        t->nodes[place].parent = node;
        b->next[b->previous[place]] = b->next[place];
        b->previous[b->next[place]] = b->previous[place];
    }
    for (int32_t i = first, end; i < last && !b->failed; i = end) {
        for (end = i; end < last && pieces[end].codes[depth] == pieces[i].codes[depth];) end++;
        place_children(b, pieces, i, end, depth + 1, base + (int32_t)pieces[i].codes[depth]);
    }
}

static int by_character(const void *left, const void *right) {
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static uint32_t rare_code(const Tokenizer *t, uint32_t c) {
    size_t low = 0, high = t->rare_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (t->rare[2 * middle] == c) return t->rare[2 * middle + 1];
        if (t->rare[2 * middle] < c) low = middle + 1;
        else high = middle;
    }
    return UNKNOWN;
}

/* The codes of a string, at most its bytes; returns how many. */
static int32_t codes_of(const Tokenizer *t, const uint8_t *s, size_t n, uint32_t *out) {
    int32_t count = 0;
    for (size_t i = 0; i < n;) {
        int bytes;
        uint32_t c = character(s + i, &bytes);
        out[count++] = c < BMP ? t->plain[c] : rare_code(t, c);
        i += (size_t)bytes;
    }
    return count;
}

/* Give each character of the pieces a code; returns the first that is free, 0 for want of memory. */
static uint32_t number_characters(Tokenizer *t, const uint8_t **texts, const Py_ssize_t *sizes) {
    uint32_t next = FIRST_CODE;
    size_t rare = 0, room = 0;
    uint32_t *seen = NULL;
    if (!(t->plain = calloc(BMP, sizeof(uint32_t)))) return 0;
    t->plain[0x2581] = MARK, t->plain[' '] = SPACE;
    for (int32_t p = 0; p < t->pieces; p++)
        for (Py_ssize_t i = 0; i < sizes[p];) {
            int bytes;
            uint32_t c = character(texts[p] + i, &bytes);
            i += bytes;
            if (c < BMP) {
                if (!t->plain[c]) t->plain[c] = next++;
                continue;
            }
            if (rare == room) {
                uint32_t *more = realloc(seen, (room = room ? 2 * room : 256) * sizeof(uint32_t));
                if (!more) return free(seen), 0;
                seen = more;
            }
            seen[rare++] = c;
        }
    if (rare) {
        qsort(seen, rare, sizeof(uint32_t), by_character);
        if (!(t->rare = malloc(2 * rare * sizeof(uint32_t)))) return free(seen), 0;
        for (size_t i = 0; i < rare; i++)
            if (!i || seen[i] != seen[i - 1]) {
                t->rare[2 * t->rare_count] = seen[i];
                t->rare[2 * t->rare_count++ + 1] = next++;
            }
    }
    free(seen);
    return next;
}

/* What becomes of each character below BMP. */
static int map_characters(Tokenizer *t) {
    size_t used = 0, room = 1 << 15;
    t->map = calloc(BMP, sizeof(uint32_t));
    t->expansions = malloc(room * sizeof(uint32_t));
    if (!t->map || !t->expansions) return 0;
    for (uint32_t c = 0; c < BMP; c++) {
        if (c >= 0xD800 && c < 0xE000) continue;
        uint8_t bytes[4];
        const char *string = mapped(t, bytes, utf8(c, bytes));
        if (!string) {
            int kept_space = is_other_whitespace(c) && (t->strip_right || t->split_whitespace);
            t->map[c] = kept_space ? TO_TOKENIZERS : t->plain[c];
            continue;
        }
        size_t n = strlen(string);
        if (used + n + 1 > room) {
            room = 2 * (used + n + 1);
            uint32_t *more = realloc(t->expansions, room * sizeof(uint32_t));
            if (!more) return 0;
            t->expansions = more;
        }
        int32_t count = codes_of(t, (const uint8_t *)string, n, t->expansions + used + 1);
        if (count == 1) {
            t->map[c] = t->expansions[used + 1];
            continue;
        }
        t->expansions[used] = (uint32_t)count;
        t->map[c] = MANY | (uint32_t)used;
        used += (size_t)count + 1;
    }
    return 1;
}

static int build_trie(Tokenizer *t, const uint8_t **texts, const Py_ssize_t *sizes, uint32_t end) {
    size_t total = 0;
    for (int32_t p = 0; p < t->pieces; p++) total += (size_t)sizes[p];
    uint32_t *sequences = malloc((total + 1) * sizeof(uint32_t));
    Piece *pieces = malloc(((size_t)t->pieces + 1) * sizeof(Piece));
    Building b = {t, NULL, NULL, !sequences || !pieces};
    int32_t count = 0;
    uint32_t *at = sequences;
    for (int32_t p = 0; p < t->pieces && !b.failed; p++) {
        int32_t length = codes_of(t, texts[p], (size_t)sizes[p], at);
        if (length) pieces[count++] = (Piece){at, length, p};
        at += length;
    }
    if (!b.failed && grow(&b, 1)) {
        qsort(pieces, (size_t)count, sizeof(Piece), by_codes);
        place_children(&b, pieces, 0, count, 0, 0);
        /* So that every code may be looked for below every node. */
        grow(&b, t->size + (int32_t)end);
    }
    free(sequences), free(pieces), free(b.next), free(b.previous);
    return !b.failed;
}

static int note_specials(Tokenizer *t, PyObject *specials) {
    Py_ssize_t count = PyList_Size(specials);
    t->specials = calloc((size_t)count + 1, sizeof(char *));
    t->special_codes = calloc((size_t)count + 1, sizeof(uint32_t *));
    if (!t->specials || !t->special_codes) return PyErr_NoMemory(), 0;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *text = NULL;
        int normalized;
        if (!PyArg_ParseTuple(PyList_GetItem(specials, i), "Up", &text, &normalized)) return 0;
        Py_ssize_t n;
        const char *s = PyUnicode_AsUTF8AndSize(text, &n);
        if (!s) return 0;
        if (!n) continue;
        char *copy = t->specials[t->specials_count] = malloc((size_t)n + 1);
        uint32_t *sequence = normalized ? malloc(((size_t)n + 1) * sizeof(uint32_t)) : NULL;
        t->special_codes[t->specials_count++] = sequence;
        if (!copy || (normalized && !sequence)) return PyErr_NoMemory(), 0;
        memcpy(copy, s, (size_t)n + 1);
        t->begins_special[(uint8_t)s[0]] = 1;
        if (sequence) sequence[0] = (uint32_t)codes_of(t, (const uint8_t *)s, (size_t)n, sequence + 1);
        for (Py_ssize_t k = 0; sequence && k < n; k++)
            if (t->map[(uint8_t)s[k]] != t->plain[(uint8_t)s[k]])
                return PyErr_SetString(PyExc_ValueError, "the normaliser changes an added token"), 0;
    }
    return 1;
}

PyDoc_STRVAR(tokenizer_doc,
             "tokenizer(pieces, scores, unknown, charsmap, specials, strip_right, split_whitespace, /)\n--\n\n"
             "What `ids` and `vectors` need of a Unigram tokenizer with a Metaspace pre-tokenizer.\n\n"
             "Args:\n"
             "    pieces: list of str, by id.\n"
             "    scores: float64 (pieces,).\n"
             "    unknown: The id of what is in no piece.\n"
             "    charsmap: Of the Precompiled normaliser.\n"
             "    specials: list of (str, bool): added tokens, and whether they are looked for in normalised text.\n"
             "    strip_right: Whether spaces at a text's end are taken off.\n"
             "    split_whitespace: Whether white space only parts words.\n\n"
             "Raises:\n"
             "    ValueError: what was given does not fit together.");

static PyObject *tokenizer(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *pieces, *specials;
    Py_buffer scores, charsmap;
    int unknown, strip_right, split_whitespace;
    if (!PyArg_ParseTuple(args, "O!y*iy*O!pp", &PyList_Type, &pieces, &scores, &unknown, &charsmap, &PyList_Type, &specials,
                          &strip_right, &split_whitespace))
        return NULL;
    PyObject *result = NULL;
    Py_ssize_t count = PyList_Size(pieces);
    Tokenizer *t = calloc(1, sizeof(Tokenizer));
    const uint8_t **texts = malloc(((size_t)count + 1) * sizeof(uint8_t *));
    Py_ssize_t *sizes = malloc(((size_t)count + 1) * sizeof(Py_ssize_t));
    uint32_t trie_bytes = 0;
    if (!t || !texts || !sizes || !(t->scores = malloc(((size_t)count + 1) * sizeof(double)))) {
        PyErr_NoMemory();
        goto done;
    }
    if (count < 1 || count > 10000000 || scores.len != count * (Py_ssize_t)sizeof(double) || unknown < 0 || unknown >= count) {
        PyErr_SetString(PyExc_ValueError, "pieces, scores and the unknown piece do not fit together");
        goto done;
    }
    t->pieces = (int32_t)count, t->unknown = unknown;
    t->strip_right = strip_right, t->split_whitespace = split_whitespace;
    memcpy(t->scores, scores.buf, (size_t)scores.len);
    t->unknown_score = t->scores[0];
    for (Py_ssize_t p = 0; p < count; p++) {
        if (t->scores[p] < t->unknown_score) t->unknown_score = t->scores[p];
        texts[p] = (const uint8_t *)PyUnicode_AsUTF8AndSize(PyList_GetItem(pieces, p), &sizes[p]);
        if (!texts[p]) goto done;
        if (sizes[p] > 1000) {
            PyErr_SetString(PyExc_ValueError, "a piece of more than 1,000 bytes");
            goto done;
        }
    }
    t->unknown_score -= 10; /* kUnkPenalty of sentencepiece and tokenizers */
    if (charsmap.len) { /* little-endian: bytes of the double array, the array, strings that end with a zero */
        const uint8_t *bytes = charsmap.buf;
        if (charsmap.len >= 5) trie_bytes = bytes[0] | bytes[1] << 8 | bytes[2] << 16 | (uint32_t)bytes[3] << 24;
        if (trie_bytes < 4 || trie_bytes % 4 || trie_bytes > charsmap.len - 5 || bytes[charsmap.len - 1]) {
            PyErr_SetString(PyExc_ValueError, "the map of characters is damaged");
            goto done;
        }
        if (!(t->charsmap = malloc((size_t)charsmap.len))) {
            PyErr_NoMemory();
            goto done;
        }
        memcpy(t->charsmap, bytes + 4, (size_t)charsmap.len - 4);
        t->units = trie_bytes / 4, t->strings = (const char *)(t->charsmap + t->units);
        t->strings_length = (size_t)charsmap.len - 4 - trie_bytes;
    }
    uint32_t end = number_characters(t, texts, sizes);
    if (!end || !map_characters(t) || !build_trie(t, texts, sizes, end)) {
        PyErr_NoMemory();
        goto done;
    }
    if (!note_specials(t, specials)) goto done;
    result = PyCapsule_New(t, CAPSULE, capsule_free);
done:
    if (!result) tokenizer_free(t);
    free(texts), free(sizes);
    PyBuffer_Release(&scores), PyBuffer_Release(&charsmap);
    return result;
}

/* ---- A text to token ids ---- */

enum { FAILED = -1, AWKWARD, DONE };

/* Room that is used again for text after text. */
typedef struct {
    uint32_t *codes; /* of a text: from characters, then of its words, each of which begins with MARK */
    size_t codes_room, codes_count;
    double *best; /* at each character of a word: the score of the best way to it, that way's last piece, its start */
    int32_t *last, *start;
    size_t path_room;
    int32_t *ids; /* tokens of the text, or of all texts */
    size_t ids_room, ids_count;
    uint32_t *keys;
    float *weights, *agreements;
    size_t bag_room;
} Room;

static void room_free(Room *r) {
    free(r->codes), free(r->best), free(r->last), free(r->start);
    free(r->ids), free(r->keys), free(r->weights), free(r->agreements);
}

/* Make an array long enough; on failure the old one stays to be freed. */
static int widened(void *array, size_t size, size_t count) {
    void *wider = realloc(*(void **)array, size * count);
    if (!wider) return 0;
    *(void **)array = wider;
    return 1;
}

static int codes_fit(Room *r, size_t more) {
    if (r->codes_count + more <= r->codes_room) return 1;
    size_t room = 2 * (r->codes_count + more) + 64;
    if (!widened(&r->codes, sizeof(uint32_t), room)) return 0;
    r->codes_room = room;
    return 1;
}

/* A run of spaces is one space. */
static inline void add_code(Room *r, uint32_t code) {
    if (code == SPACE && r->codes_count && r->codes[r->codes_count - 1] == SPACE) return;
    r->codes[r->codes_count++] = code;
}

/* Codes of what a character beyond BMP is mapped to; `left` bytes of the text, itself among them, have room already. */
static int add_rare(const Tokenizer *t, Room *r, const uint8_t *s, int bytes, uint32_t c, size_t left) {
    const char *string = mapped(t, s, bytes);
    if (!string) return add_code(r, rare_code(t, c)), 1;
    size_t n = strlen(string);
    if (!codes_fit(r, n + left)) return 0;
    for (size_t i = 0; i < n; i += (size_t)bytes) {
        uint32_t one = character((const uint8_t *)string + i, &bytes);
        add_code(r, one < BMP ? t->plain[one] : rare_code(t, one));
    }
    return 1;
}

/* Whether a special token stands at the beginning of a string that ends with a zero, as Python's do. */
static int special_stands_at(const Tokenizer *t, const char *s) {
    for (int i = 0; i < t->specials_count; i++)
        if (!strncmp(s, t->specials[i], strlen(t->specials[i]))) return 1;
    return 0;
}

static int special_stands_in_codes(const Tokenizer *t, const Room *r) {
    for (int i = 0; i < t->specials_count; i++) {
        const uint32_t *special = t->special_codes[i];
        for (size_t at = 0; special && at + special[0] <= r->codes_count; at++)
            if (!memcmp(r->codes + at, special + 1, special[0] * sizeof(uint32_t))) return 1;
    }
    return 0;
}

/* The normaliser: codes of a text. */
static int normalise(const Tokenizer *t, Room *r, const uint8_t *s, size_t n) {
    int bytes, before = 0, joins = 0; /* bytes of the character before, and whether it may join the next */
    r->codes_count = 0;
    if (!codes_fit(r, n)) return FAILED;
    for (size_t i = 0; i < n; i += (size_t)bytes) {
        if (t->begins_special[s[i]] && special_stands_at(t, (const char *)s + i)) return AWKWARD;
        uint32_t c = character(s + i, &bytes);
        int alone = stands_alone(c);
        if ((joins || !alone) && before && before + bytes < 6) return AWKWARD;
        before = bytes, joins = !alone && may_prepend(c);
        if (c == '\r' && i + 1 < n && s[i + 1] == '\n') {
            /* One grapheme, of which the first match is taken: that of CR, if there is one. */
            if (!mapped(t, s + i, 1) || t->begins_special['\n']) return AWKWARD;
            bytes = 2;
        }
        if (c >= BMP) {
            if (!add_rare(t, r, s + i, bytes, c, n - i)) return FAILED;
            continue;
        }
        uint32_t code = t->map[c];
        if (!(code & MANY)) {
            add_code(r, code);
            continue;
        }
        if (code == TO_TOKENIZERS) return AWKWARD;
        const uint32_t *expansion = t->expansions + (code & ~MANY);
        if (!codes_fit(r, expansion[0] + n - i)) return FAILED;
        for (uint32_t k = 1; k <= expansion[0]; k++) add_code(r, expansion[k]);
    }
    if (t->strip_right && r->codes_count && r->codes[r->codes_count - 1] == SPACE) r->codes_count--;
    return special_stands_in_codes(t, r) ? AWKWARD : DONE;
}

/* The pre-tokenizer: every word begins with MARK. Codes are moved up by one at most for each word, so what is written
   must not overtake what is read: they are moved to the end of twice the room first. */
static int part_words(const Tokenizer *t, Room *r) {
    size_t n = r->codes_count;
    if (!n) return DONE;
    if (!codes_fit(r, n + 1)) return FAILED;
    uint32_t *read = r->codes + n + 1, *out = r->codes;
    memmove(read, r->codes, n * sizeof(uint32_t));
    int begins = 1; /* a word, with MARK unless it has one */
    for (size_t i = 0; i < n; i++) {
        if (read[i] == SPACE) {
            if (!t->split_whitespace) *out++ = MARK;
            begins = t->split_whitespace;
            continue;
        }
        if (begins && read[i] != MARK) *out++ = MARK;
        *out++ = read[i];
        begins = 0;
    }
    r->codes_count = (size_t)(out - r->codes);
    return DONE;
}

static int path_fits(Room *r, size_t n) {
    if (n + 1 <= r->path_room) return 1;
    size_t room = 2 * n + 64;
    if (!widened(&r->best, sizeof(double), room) || !widened(&r->last, sizeof(int32_t), room) ||
        !widened(&r->start, sizeof(int32_t), room))
        return 0;
    r->path_room = room;
    return 1;
}

static inline void offer(Room *r, size_t end, double score, int32_t piece, size_t start) {
    if (r->start[end] < 0 || score > r->best[end]) r->best[end] = score, r->last[end] = piece, r->start[end] = (int32_t)start;
}

/* The best way through a word (Viterbi), in the order in which tokenizers weighs ways, so that ties end alike. */
static int add_word(const Tokenizer *t, Room *r, const uint32_t *word, size_t n) {
    if (!path_fits(r, n)) return FAILED;
    for (size_t i = 0; i <= n; i++) r->start[i] = -1;
    r->best[0] = 0;
    for (size_t at = 0; at < n; at++) {
        double here = r->best[at];
        int32_t node = 0;
        int single = 0;
        for (size_t end = at; end < n; end++) {
            int32_t next = t->nodes[node].base + (int32_t)word[end];
            if (word[end] == UNKNOWN || t->nodes[next].parent != node) break;
            node = next;
            int32_t piece = t->nodes[node].piece;
            if (piece < 0) continue;
            offer(r, end + 1, t->scores[piece] + here, piece, at);
            single |= end == at;
        }
        if (!single) offer(r, at + 1, t->unknown_score + here, t->unknown, at);
    }
    /* Backwards, so the ids are turned round afterwards; unknown characters beside each other are one token. */
    size_t first = r->ids_count;
    for (size_t end = n; end; end = (size_t)r->start[end]) {
        int32_t piece = r->last[end];
        if (piece == t->unknown && r->ids_count > first && r->ids[r->ids_count - 1] == piece) continue;
        r->ids[r->ids_count++] = piece;
    }
    for (size_t low = first, high = r->ids_count; low + 1 < high; low++) {
        int32_t kept = r->ids[low];
        r->ids[low] = r->ids[--high], r->ids[high] = kept;
    }
    return DONE;
}

/* Add the token ids of a text, which ends with a zero, to those of the room. */
static int add_ids(const Tokenizer *t, Room *r, const char *s, size_t n) {
    int how = s ? normalise(t, r, (const uint8_t *)s, n) : AWKWARD;
    if (how == DONE) how = part_words(t, r);
    if (how != DONE) return how;
    if (r->ids_count + r->codes_count > r->ids_room) {
        size_t room = 2 * (r->ids_count + r->codes_count) + 64;
        if (!widened(&r->ids, sizeof(int32_t), room)) return FAILED;
        r->ids_room = room;
    }
    for (size_t at = 0, end; at < r->codes_count; at = end) {
        for (end = at + 1; end < r->codes_count && r->codes[end] != MARK;) end++;
        if (add_word(t, r, r->codes + at, end - at) != DONE) return FAILED;
    }
    return DONE;
}

/* ---- Token ids to a weighted bag ---- */

typedef struct {
    const void *table; /* (rows, width): int8 with a scale for each row, or float32 without */
    const float *scale;
    const int8_t *directions; /* (rows, directions_width), of democratic pooling, else NULL; with their squared lengths */
    const float *squares;
    int64_t rows, width;
    int directions_width;
    int square_root, leads; /* how tokens are weighed */
    float lead_weight, few_tokens;
} Model;

/* Ascending; `room` has n places too. Long texts take time in proportion to their length, whatever stands in them. */
static void sort_keys(uint32_t *keys, uint32_t *room, size_t n) {
    if (n > 512) { /* by digits of eleven bits, the lowest first */
        uint32_t *from = keys, *to = room;
        for (int shift = 0; shift < 33; shift += 11) {
            size_t places[2048] = {0}, place = 0;
            for (size_t i = 0; i < n; i++) places[from[i] >> shift & 2047]++;
            for (int digit = 0; digit < 2048; digit++) {
                size_t count = places[digit];
                places[digit] = place;
                place += count;
            }
            for (size_t i = 0; i < n; i++) to[places[from[i] >> shift & 2047]++] = from[i];
            uint32_t *sorted = to;
            to = from, from = sorted;
        }
        memcpy(keys, from, n * sizeof(uint32_t)); /* after three rounds they lie in the room */
        return;
    }
    while (n > 24) { /* quicksort about the median of three, the larger part in the next round */
        uint32_t a = keys[0], b = keys[n / 2], c = keys[n - 1];
        uint32_t pivot = a < b ? (b < c ? b : a < c ? c : a) : (a < c ? a : b < c ? c : b);
        size_t low = 0, high = n - 1;
        for (;;) {
            while (keys[low] < pivot) low++;
            while (keys[high] > pivot) high--;
            if (low >= high) break;
            uint32_t kept = keys[low];
            keys[low++] = keys[high], keys[high--] = kept;
        }
        size_t left = high + 1;
        if (left < n - left) {
            sort_keys(keys, room, left);
            keys += left, n -= left;
        } else {
            sort_keys(keys + left, room, n - left);
            n = left;
        }
    }
    for (size_t i = 1; i < n; i++) {
        uint32_t key = keys[i];
        size_t at = i;
        for (; at && keys[at - 1] > key; at--) keys[at] = keys[at - 1];
        keys[at] = key;
    }
}

/* As `pooling.make_bags`: distinct ids, ascending, into keys, their weights; returns how many. */
static size_t weigh(const Model *m, Room *r) {
    size_t n = r->ids_count, entries = 0;
    double sum = 0;
    for (size_t i = 0; i < n; i++) r->keys[i] = (uint32_t)r->ids[i] << 1 | (m->leads && i < LEAD_TOKENS);
    sort_keys(r->keys, (uint32_t *)(void *)r->agreements, n);
    for (size_t i = 0, end; i < n; i = end) {
        uint32_t id = r->keys[i] >> 1;
        float leading = 0;
        for (end = i; end < n && r->keys[end] >> 1 == id; end++) leading += (float)(r->keys[end] & 1);
        float weight = (float)(end - i);
        if (m->square_root) weight = sqrtf(weight);
        if (m->leads) weight += m->lead_weight * leading / weight;
        sum += (double)weight;
        r->keys[entries] = id;
        r->weights[entries++] = weight;
    }
    for (size_t i = 0; i < entries; i++) r->weights[i] = (float)((double)r->weights[i] / sum);
    return entries;
}

/* As `democratic.reweighted`. Directions are whole numbers whose sums float32 holds; so do integers. */
FOR_EACH_PROCESSOR
static void reweigh(const Model *m, const uint32_t *ids, float *weights, float *agreements, size_t entries) {
    int width = m->directions_width;
    int32_t sums[DIRECTION_DIMENSIONS] = {0}, largest = 0;
    int16_t whole[DIRECTION_DIMENSIONS] = {0};
    for (size_t i = 0; i < entries; i++) {
        const int8_t *direction = m->directions + (size_t)ids[i] * (size_t)width;
        int32_t weight = (int32_t)rintf(weights[i] * 65536.0f);
        for (int k = 0; k < width; k++) sums[k] += weight * direction[k];
    }
    for (int k = 0; k < width; k++) largest = abs(sums[k]) > largest ? abs(sums[k]) : largest;
    float unit = (float)largest / 8191.0f;
    if (unit == 0) unit = 1;
    double squared = 0;
    for (int k = 0; k < width; k++) {
        whole[k] = (int16_t)rintf((float)sums[k] / unit);
        squared += (double)whole[k] * (double)whole[k];
    }
    float length = (float)squared * unit * unit, smallest = 1e-4f * length;
    float share = (float)((double)entries / ((double)entries + (double)m->few_tokens));
    double sum = 0;
    for (size_t i = 0; i < entries; i++) {
        const int8_t *direction = m->directions + (size_t)ids[i] * (size_t)width;
        int32_t product = 0;
        for (int k = 0; k < width; k++) product += whole[k] * direction[k];
        agreements[i] = (float)product * unit;
    }
    for (size_t i = 0; i < entries; i++) {
        float product = agreements[i], square = m->squares[ids[i]], weight = rintf(weights[i] * 65536.0f);
        float own = weight * square;
        float others = length - weight * (2 * product - own);
        others = others > smallest ? others : smallest;
        others *= square;
        if (others == 0) others = 1;
        float agreement = (product - own) / sqrtf(others);
        agreement = agreement < 0 ? 0 : agreement > 1 ? 1 : agreement;
        weights[i] *= 1 - agreement * share;
        sum += (double)weights[i];
    }
    for (size_t i = 0; i < entries; i++) weights[i] /= (float)sum;
}

/* Have the processor fetch a row while others are added up: which rows come is nothing that it could foresee. */
static inline void fetch(const char *row, int64_t bytes) {
#ifdef __GNUC__
    for (int64_t at = 0; at < bytes; at += 64) __builtin_prefetch(row + at);
#else
    (void)row, (void)bytes;
#endif
}

/* The weighted sum of rows' first dimensions, each entry added by fused multiply-add, in order. */
FOR_EACH_PROCESSOR
static void add_up_int8(const Model *m, const uint32_t *ids, const float *weights, size_t entries, float *restrict out,
                        int64_t dim) {
    const int8_t *table = m->table;
    memset(out, 0, (size_t)dim * sizeof(float));
    for (size_t i = 0; i < entries; i++) {
        if (i + AHEAD < entries) fetch((const char *)table + (int64_t)ids[i + AHEAD] * m->width, dim);
        const int8_t *restrict row = table + (int64_t)ids[i] * m->width;
        float scale = m->scale[ids[i]], weight = weights[i];
        for (int64_t k = 0; k < dim; k++) out[k] = fmaf((float)row[k] * scale, weight, out[k]);
    }
}

FOR_EACH_PROCESSOR
static void add_up_float(const Model *m, const uint32_t *ids, const float *weights, size_t entries, float *restrict out,
                         int64_t dim) {
    const float *table = m->table;
    memset(out, 0, (size_t)dim * sizeof(float));
    for (size_t i = 0; i < entries; i++) {
        if (i + AHEAD < entries) fetch((const char *)(table + (int64_t)ids[i + AHEAD] * m->width), 4 * dim);
        const float *restrict row = table + (int64_t)ids[i] * m->width;
        float weight = weights[i];
        for (int64_t k = 0; k < dim; k++) out[k] = fmaf(row[k], weight, out[k]);
    }
}

/* ---- Many texts ---- */

enum { OUT_OF_MEMORY = -1, NO_SUCH_ROW = -2 };

typedef struct {
    const char *text;
    size_t size;
    PyObject *owner;
} Utf8;

static void let_go(Utf8 *texts, Py_ssize_t count) {
    for (Py_ssize_t i = 0; texts && i < count; i++) Py_XDECREF(texts[i].owner);
    free(texts);
}

/* The texts start:stop as UTF-8 of their own: Python would keep what `PyUnicode_AsUTF8` makes for as long as the text. */
static Utf8 *utf8_of(PyObject *sequence, Py_ssize_t start, Py_ssize_t stop) {
    Utf8 *texts = calloc((size_t)(stop - start) + 1, sizeof(Utf8));
    if (!texts) return PyErr_NoMemory(), NULL;
    for (Py_ssize_t i = start; i < stop; i++) {
        Utf8 *one = &texts[i - start];
        PyObject *text = PySequence_GetItem(sequence, i);
        if (text && PyUnicode_Check(text)) one->owner = PyUnicode_AsUTF8String(text);
        else if (text) PyErr_SetString(PyExc_TypeError, "a text is no string");
        Py_XDECREF(text);
        char *bytes = NULL;
        Py_ssize_t size = 0;
        if (!one->owner || PyBytes_AsStringAndSize(one->owner, &bytes, &size) < 0) {
            let_go(texts, stop - start);
            return NULL;
        }
        /* Half a gigabyte in one text is more than 32 bits count tokens of. */
        if (size < INT32_MAX / 4) one->text = bytes;
        one->size = (size_t)size;
    }
    return texts;
}

static PyObject *numbers(const int32_t *values, size_t count) {
    return PyBytes_FromStringAndSize((const char *)values, (Py_ssize_t)(count * sizeof(int32_t)));
}

/* Which of the texts are for `tokenizers`: a length of -1. */
static PyObject *awkward_rows(const int32_t *lengths, Py_ssize_t count) {
    PyObject *rows = PyList_New(0);
    for (Py_ssize_t i = 0; rows && i < count; i++) {
        if (lengths[i] >= 0) continue;
        PyObject *row = PyLong_FromSsize_t(i);
        if (!row || PyList_Append(rows, row) < 0) Py_CLEAR(rows);
        Py_XDECREF(row);
    }
    return rows;
}

PyDoc_STRVAR(token_ids_doc, "token_ids(tokenizer, texts, start, stop, /)\n--\n\n"
                            "Token ids of the texts start:stop end to end, and how many each has; -1 for those that only\n"
                            "`tokenizers` can read: bytes of int32 both.");

static PyObject *token_ids(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *capsule, *sequence, *result = NULL;
    Py_ssize_t start, stop;
    if (!PyArg_ParseTuple(args, "OOnn", &capsule, &sequence, &start, &stop)) return NULL;
    const Tokenizer *t = PyCapsule_GetPointer(capsule, CAPSULE);
    if (!t) return NULL;
    Py_ssize_t count = stop > start ? stop - start : 0;
    Utf8 *texts = utf8_of(sequence, start, start + count);
    if (!texts) return NULL;
    int32_t *lengths = malloc(((size_t)count + 1) * sizeof(int32_t));
    Room r = {0};
    int failed = !lengths;
    Py_BEGIN_ALLOW_THREADS;
    for (Py_ssize_t i = 0; i < count && !failed; i++) {
        size_t before = r.ids_count;
        int how = add_ids(t, &r, texts[i].text, texts[i].size);
        failed = how == FAILED;
        lengths[i] = how == DONE ? (int32_t)(r.ids_count - before) : -1;
    }
    Py_END_ALLOW_THREADS;
    let_go(texts, count);
    if (failed) PyErr_NoMemory();
    else result = Py_BuildValue("NN", numbers(r.ids, r.ids_count), numbers(lengths, (size_t)count));
    room_free(&r);
    free(lengths);
    return result;
}

/* The bag of a text, into keys and weights. */
static int one_bag(const Tokenizer *t, const Model *m, Room *r, const Utf8 *text, size_t *entries) {
    r->ids_count = 0;
    int how = add_ids(t, r, text->text, text->size);
    if (how != DONE) return how == FAILED ? OUT_OF_MEMORY : AWKWARD;
    if (r->ids_count > r->bag_room) {
        size_t room = 2 * r->ids_count + 64;
        if (!widened(&r->keys, sizeof(uint32_t), room) || !widened(&r->weights, sizeof(float), room) ||
            !widened(&r->agreements, sizeof(float), room))
            return OUT_OF_MEMORY;
        r->bag_room = room;
    }
    for (size_t i = 0; i < r->ids_count; i++)
        if (r->ids[i] >= m->rows) return NO_SUCH_ROW;
    *entries = r->ids_count ? weigh(m, r) : 0;
    if (m->directions && *entries) reweigh(m, r->keys, r->weights, r->agreements, *entries);
    return DONE;
}

static int one_vector(const Tokenizer *t, const Model *m, Room *r, const Utf8 *text, float *out, int64_t dim) {
    size_t entries;
    int how = one_bag(t, m, r, text, &entries);
    if (how != DONE) return how;
    if (m->scale) add_up_int8(m, r->keys, r->weights, entries, out, dim);
    else add_up_float(m, r->keys, r->weights, entries, out, dim);
    return DONE;
}

/* What is known of a model, from its arrays; returns whether they fit together. */
static int model_of(Model *m, const Py_buffer *table, const Py_buffer *scale, const Py_buffer *directions,
                    const Py_buffer *squares) {
    m->table = table->buf;
    m->scale = scale->len ? scale->buf : NULL;
    m->rows = m->width > 0 ? table->len / (m->width * (m->scale ? 1 : (Py_ssize_t)sizeof(float))) : 0;
    m->directions = directions->len ? directions->buf : NULL, m->squares = squares->buf;
    m->directions_width = m->rows ? (int)(directions->len / m->rows) : 0;
    return m->directions_width <= DIRECTION_DIMENSIONS && m->rows <= INT32_MAX / 2 &&
           (!m->scale || scale->len == m->rows * (Py_ssize_t)sizeof(float)) &&
           directions->len == m->rows * m->directions_width &&
           (!m->directions || squares->len == m->rows * (Py_ssize_t)sizeof(float));
}

static void say_no_such_row(void) {
    PyErr_SetString(PyExc_IndexError, "the tokenizer has more pieces than the table has rows");
}

PyDoc_STRVAR(bag_doc, "bag(tokenizer, texts, table, scale, directions, squares, weighing, /)\n--\n\n"
                      "The bag of the one text in a list: distinct ids, bytes of uint32, and weights, bytes of float32;\n"
                      "None where only `tokenizers` can read it. The other arguments are those of `vectors`.");

static PyObject *bag(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *capsule, *sequence, *result = NULL;
    Py_buffer table, scale, directions, squares;
    Model m = {0};
    long long width;
    double lead_weight, few_tokens;
    if (!PyArg_ParseTuple(args, "OOy*y*y*y*(Lpdd)", &capsule, &sequence, &table, &scale, &directions, &squares, &width,
                          &m.square_root, &lead_weight, &few_tokens))
        return NULL;
    Utf8 *texts = NULL;
    const Tokenizer *t = PyCapsule_GetPointer(capsule, CAPSULE);
    if (!t) goto done;
    m.width = width, m.leads = lead_weight > 0, m.lead_weight = (float)lead_weight, m.few_tokens = (float)few_tokens;
    if (!model_of(&m, &table, &scale, &directions, &squares)) {
        PyErr_SetString(PyExc_ValueError, "table and directions do not fit together");
        goto done;
    }
    if (!(texts = utf8_of(sequence, 0, 1))) goto done;
    Room r = {0};
    size_t entries = 0;
    int how = one_bag(t, &m, &r, texts, &entries);
    if (how == OUT_OF_MEMORY) PyErr_NoMemory();
    else if (how == NO_SUCH_ROW) say_no_such_row();
    else if (how == AWKWARD) result = Py_NewRef(Py_None);
    else
        result = Py_BuildValue("NN", numbers((const int32_t *)r.keys, entries),
                               PyBytes_FromStringAndSize((const char *)r.weights, (Py_ssize_t)(entries * sizeof(float))));
    room_free(&r);
done:
    let_go(texts, 1);
    PyBuffer_Release(&table), PyBuffer_Release(&scale), PyBuffer_Release(&directions), PyBuffer_Release(&squares);
    return result;
}

PyDoc_STRVAR(vectors_doc,
             "vectors(tokenizer, texts, start, stop, table, scale, directions, squares, weighing, out, /)\n--\n\n"
             "Write the vectors of the texts start:stop into rows start:stop of ``out``.\n\n"
             "Args:\n"
             "    tokenizer: Of `tokenizer`.\n"
             "    texts: A sequence of str.\n"
             "    table: int8 or float32 (rows, width).\n"
             "    scale: float32 (rows,) for int8, else empty.\n"
             "    directions: int8 (rows, at most 64) of democratic pooling, else empty.\n"
             "    squares: float32 (rows,), the directions' squared lengths, or empty.\n"
             "    weighing: (width, whether a weight is the square root of a count, what a leading token counts more,\n"
             "        0 for nothing, few tokens of democratic pooling).\n"
             "    out: float32 (texts, dim), C-contiguous.\n"
             "    dim: How many dimensions.\n\n"
             "Returns:\n"
             "    Which of the texts, counted from start, only `tokenizers` can read; their rows are left as they are.\n\n"
             "Raises:\n"
             "    IndexError: the tokenizer gave an id that the table has no row for.\n"
             "    ValueError: the arrays do not fit together.");

static PyObject *vectors(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *capsule, *sequence, *result = NULL;
    Py_ssize_t start, stop;
    Py_buffer table, scale, directions, squares, out;
    Model m = {0};
    long long width, dim;
    double lead_weight, few_tokens;
    if (!PyArg_ParseTuple(args, "OOnny*y*y*y*(Lpdd)w*L", &capsule, &sequence, &start, &stop, &table, &scale, &directions,
                          &squares, &width, &m.square_root, &lead_weight, &few_tokens, &out, &dim))
        return NULL;
    int32_t *how = NULL;
    Utf8 *texts = NULL;
    int failed = DONE;
    Py_ssize_t count = stop > start ? stop - start : 0;
    const Tokenizer *t = PyCapsule_GetPointer(capsule, CAPSULE);
    if (!t) goto done;
    m.width = width, m.leads = lead_weight > 0, m.lead_weight = (float)lead_weight, m.few_tokens = (float)few_tokens;
    if (!model_of(&m, &table, &scale, &directions, &squares) || dim < 1 || dim > width || start < 0 ||
        out.len < (start + count) * dim * (Py_ssize_t)sizeof(float)) {
        PyErr_SetString(PyExc_ValueError, "table, directions and out do not fit together");
        goto done;
    }
    if (!(texts = utf8_of(sequence, start, start + count))) goto done;
    if (!(how = malloc(((size_t)count + 1) * sizeof(int32_t)))) {
        PyErr_NoMemory();
        goto done;
    }
    float *rows = (float *)out.buf + start * dim;
    Py_BEGIN_ALLOW_THREADS;
    Room r = {0};
    for (Py_ssize_t i = 0; i < count && failed >= 0; i++) {
        int one = one_vector(t, &m, &r, &texts[i], rows + i * dim, dim);
        if (one < 0) failed = one;
        how[i] = one == AWKWARD ? -1 : 0;
    }
    room_free(&r);
    Py_END_ALLOW_THREADS;
    if (failed == OUT_OF_MEMORY) PyErr_NoMemory();
    else if (failed == NO_SUCH_ROW) say_no_such_row();
    else result = awkward_rows(how, count);
done:
    let_go(texts, count);
    free(how);
    PyBuffer_Release(&table), PyBuffer_Release(&scale), PyBuffer_Release(&directions), PyBuffer_Release(&squares);
    PyBuffer_Release(&out);
    return result;
}

/* ---- Late interaction ---- */

/* Cosines of each distinct token of many texts with each token of a query, one row of `query` floats a token. */
typedef struct {
    int16_t *rows;   /* of the query's tokens (query, dim) */
    double *inverse; /* one over the length of each, 0 for a row of zeros */
    int16_t *row;    /* of the token that is compared */
    int32_t *slots;  /* of each id: its row of cosines, counted from 1; 0 for none yet */
    float *cosines;
    size_t query, known, room;
    float *best;  /* of a text (query, tokens): of each window that begins at a token, the best cosine in it */
    double *sums; /* of each such window */
    size_t text_room;
} Interaction;

static void interaction_free(Interaction *a) {
    free(a->rows), free(a->inverse), free(a->row), free(a->slots), free(a->cosines), free(a->best), free(a->sums);
}

/* Whole numbers, whose sums are exact in any order: so a processor may add as many at a time as it can. Returns one over
   the row's length. */
FOR_EACH_PROCESSOR
static double widened_row(const int8_t *restrict row, int16_t *restrict out, int64_t dim) {
    int32_t square = 0;
    for (int64_t k = 0; k < dim; k++) out[k] = row[k], square += (int32_t)row[k] * row[k];
    return square ? 1 / sqrt((double)square) : 0;
}

FOR_EACH_PROCESSOR
static void add_cosines(const Interaction *a, float *restrict out, double inverse, int64_t dim) {
    const int16_t *restrict row = a->row;
    for (size_t i = 0; i < a->query; i++) {
        const int16_t *restrict own = a->rows + i * (size_t)dim;
        int32_t product = 0;
        for (int64_t k = 0; k < dim; k++) product += (int32_t)own[k] * row[k];
        out[i] = product > 0 ? (float)((double)product * a->inverse[i] * inverse) : 0;
    }
}

/* The weighted mean of the best cosines in the best window of so many of n tokens; `best` is used up. */
FOR_EACH_PROCESSOR
static double best_window(float *best, double *restrict sums, size_t n, size_t query, const double *weights, size_t size) {
    if (size > n) size = n;
    size_t windows = n - size + 1;
    for (size_t k = 0; k < windows; k++) sums[k] = 0;
    for (size_t i = 0; i < query; i++) {
        float *own = best + i * n;
        size_t span = 1;
        /* What lies ahead is not changed yet when it is read. */
        for (; 2 * span <= size; span *= 2)
            for (size_t k = 0; k < n - span; k++) own[k] = own[k] > own[k + span] ? own[k] : own[k + span];
        const float *last = own + size - span;
        for (size_t k = 0; k < windows; k++) sums[k] += weights[i] * (double)(own[k] > last[k] ? own[k] : last[k]);
    }
    double highest = 0;
    for (size_t k = 0; k < windows; k++) highest = highest > sums[k] ? highest : sums[k];
    return highest;
}

/* The row of cosines of a token, counted from 1; 0 for want of memory. */
static int32_t slot_of(Interaction *a, const int8_t *table, int64_t width, int64_t dim, int32_t id) {
    if (a->slots[id]) return a->slots[id];
    if (a->known == a->room) {
        size_t room = 2 * a->room + 1024;
        if (!widened(&a->cosines, (a->query + 1) * sizeof(float), room)) return 0;
        a->room = room;
    }
    double inverse = widened_row(table + (int64_t)id * width, a->row, dim);
    add_cosines(a, a->cosines + a->known * a->query, inverse, dim);
    return a->slots[id] = (int32_t)++a->known;
}

/* Write the score of a text by each window. */
static int add_text(Interaction *a, const int8_t *table, int64_t width, int64_t dim, const int32_t *ids, size_t n,
                    const double *weights, const int32_t *windows, size_t windows_count, double *out) {
    if (n > a->text_room) {
        if (!widened(&a->best, (a->query + 1) * sizeof(float), 2 * n) || !widened(&a->sums, sizeof(double), 2 * n))
            return OUT_OF_MEMORY;
        a->text_room = 2 * n;
    }
    for (size_t w = 0; w < windows_count; w++) {
        for (size_t k = 0; k < n; k++) {
            if (!w && k + AHEAD < n) fetch((const char *)table + (int64_t)ids[k + AHEAD] * width, dim);
            int32_t slot = slot_of(a, table, width, dim, ids[k]);
            if (!slot) return OUT_OF_MEMORY;
            const float *own = a->cosines + (size_t)(slot - 1) * a->query;
            for (size_t i = 0; i < a->query; i++) a->best[i * n + k] = own[i];
        }
        out[w] = n ? best_window(a->best, a->sums, n, a->query, weights, (size_t)windows[w]) : 0;
    }
    return DONE;
}

PyDoc_STRVAR(interactions_doc,
             "interactions(table, width, dim, query, weights, ids, lengths, windows, out, /)\n--\n\n"
             "Write, for each text and window, how much of a query its best window has.\n\n"
             "Args:\n"
             "    table: int8 (rows, width).\n"
             "    width, dim: Of the table, and how many first dimensions are compared.\n"
             "    query: int32 (q,), token ids of the query.\n"
             "    weights: float64 (q,).\n"
             "    ids: int32, token ids of all texts end to end.\n"
             "    lengths: int32 (texts,), how many each has.\n"
             "    windows: int32 (windows,), tokens of each.\n"
             "    out: float64 (texts, windows).\n\n"
             "Raises:\n"
             "    ValueError: the arrays do not fit together, or an id has no row.");

static int all_between(const int32_t *values, size_t count, int64_t lowest, int64_t end) {
    for (size_t i = 0; i < count; i++)
        if (values[i] < lowest || values[i] >= end) return 0;
    return 1;
}

static PyObject *interactions(PyObject *module, PyObject *args) {
    (void)module;
    Py_buffer table, query, weights, ids, lengths, windows, out;
    long long width, dim;
    PyObject *result = NULL;
    if (!PyArg_ParseTuple(args, "y*LLy*y*y*y*y*w*", &table, &width, &dim, &query, &weights, &ids, &lengths, &windows, &out))
        return NULL;
    Interaction a = {0};
    size_t q = (size_t)query.len / sizeof(int32_t), tokens = (size_t)ids.len / sizeof(int32_t);
    size_t texts = (size_t)lengths.len / sizeof(int32_t), sizes = (size_t)windows.len / sizeof(int32_t), total = 0;
    int64_t rows = width > 0 ? table.len / width : 0;
    const int32_t *text_lengths = lengths.buf;
    int fits = dim >= 1 && dim <= width && dim <= 65536 && rows < INT32_MAX && (size_t)weights.len == q * sizeof(double) &&
               (size_t)out.len == texts * sizes * sizeof(double) && all_between(query.buf, q, 0, rows) &&
               all_between(ids.buf, tokens, 0, rows) && all_between(text_lengths, texts, 0, INT32_MAX) &&
               all_between(windows.buf, sizes, 1, INT32_MAX);
    for (size_t i = 0; fits && i < texts; i++) total += (size_t)text_lengths[i];
    if (!fits || total != tokens) {
        PyErr_SetString(PyExc_ValueError, "table, tokens and out do not fit together");
        goto done;
    }
    a.query = q;
    a.rows = malloc((q * (size_t)dim + 1) * sizeof(int16_t));
    a.inverse = malloc((q + 1) * sizeof(double));
    a.row = malloc((size_t)dim * sizeof(int16_t));
    a.slots = calloc((size_t)rows + 1, sizeof(int32_t));
    int how = a.rows && a.inverse && a.row && a.slots ? DONE : OUT_OF_MEMORY;
    Py_BEGIN_ALLOW_THREADS;
    const int32_t *asked = query.buf, *at = ids.buf;
    for (size_t i = 0; how == DONE && i < q; i++)
        a.inverse[i] = widened_row((const int8_t *)table.buf + (int64_t)asked[i] * width, a.rows + i * (size_t)dim, dim);
    for (size_t i = 0; how == DONE && i < texts; i++) {
        size_t n = (size_t)text_lengths[i];
        how = add_text(&a, table.buf, width, dim, at, n, weights.buf, windows.buf, sizes, (double *)out.buf + i * sizes);
        at += n;
    }
    Py_END_ALLOW_THREADS;
    if (how != DONE) PyErr_NoMemory();
    else result = Py_NewRef(Py_None);
done:
    interaction_free(&a);
    PyBuffer_Release(&table), PyBuffer_Release(&query), PyBuffer_Release(&weights), PyBuffer_Release(&ids);
    PyBuffer_Release(&lengths), PyBuffer_Release(&windows), PyBuffer_Release(&out);
    return result;
}

/* ---- Cosines of stored rows ---- */

enum { UNIT = 1 << 26, LOW_UNITS = 1 << 13, MOST_COMPARED = 4096 }; /* dimensions whose products 32 bits hold */

/* A query of whole numbers in two halves: sums of their products with a row are exact in any order. */
FOR_EACH_PROCESSOR
static void add_cosines_of(const int8_t *table, int64_t width, const int64_t *which, size_t count,
                           const int16_t *restrict high, const int16_t *restrict low, int64_t dim, float *found) {
    int16_t wide[MOST_COMPARED];
    for (size_t i = 0; i < count; i++) {
        if (i + FAR_AHEAD < count) fetch((const char *)table + which[i + FAR_AHEAD] * width, dim);
        const int8_t *restrict row = table + which[i] * width;
        int32_t upper = 0, lower = 0, square = 0;
        for (int64_t k = 0; k < dim; k++) wide[k] = row[k]; /* products of halves of 32 bits are an instruction */
        for (int64_t k = 0; k < dim; k++) {
            upper += (int32_t)wide[k] * high[k];
            lower += (int32_t)wide[k] * low[k];
            square += (int32_t)wide[k] * wide[k];
        }
        double product = (double)upper * LOW_UNITS + (double)lower;
        found[i] = square ? (float)(product / UNIT / sqrt((double)square)) : 0;
    }
}

PyDoc_STRVAR(cosines_doc, "cosines(rows, width, indices, query, out, /)\n--\n\n"
                          "Write the cosines of some rows with a query.\n\n"
                          "Args:\n"
                          "    rows: int8 (rows, width).\n"
                          "    width: Of the rows.\n"
                          "    indices: int64 (n,), which rows.\n"
                          "    query: int32 (dim,), of length 2**26; so many first dimensions count.\n"
                          "    out: float32 (n,).\n\n"
                          "Raises:\n"
                          "    ValueError: the arrays do not fit together, or there is no such row.");

static PyObject *cosines(PyObject *module, PyObject *args) {
    (void)module;
    Py_buffer rows, indices, query, out;
    long long width;
    PyObject *result = NULL;
    int16_t *high = NULL, *low = NULL;
    if (!PyArg_ParseTuple(args, "y*Ly*y*w*", &rows, &width, &indices, &query, &out)) return NULL;
    size_t count = (size_t)indices.len / sizeof(int64_t);
    int64_t dim = query.len / (Py_ssize_t)sizeof(int32_t), known = width > 0 ? rows.len / width : 0;
    const int64_t *which = indices.buf;
    const int32_t *asked = query.buf;
    int fits = dim >= 1 && dim <= width && dim <= MOST_COMPARED && (size_t)out.len == count * sizeof(float) &&
               all_between(asked, (size_t)dim, -2 * UNIT, 2 * UNIT);
    for (size_t i = 0; fits && i < count; i++) fits = which[i] >= 0 && which[i] < known;
    if (!fits) {
        PyErr_SetString(PyExc_ValueError, "rows, indices, query and out do not fit together");
        goto done;
    }
    high = malloc((size_t)dim * sizeof(int16_t)), low = malloc((size_t)dim * sizeof(int16_t));
    if (!high || !low) {
        PyErr_NoMemory();
        goto done;
    }
    for (int64_t k = 0; k < dim; k++) {
        /* The nearest, so that the lower half is as small as can be. */
        high[k] = (int16_t)((asked[k] + 2 * UNIT + LOW_UNITS / 2) / LOW_UNITS - 2 * UNIT / LOW_UNITS);
        low[k] = (int16_t)(asked[k] - high[k] * LOW_UNITS);
    }
    Py_BEGIN_ALLOW_THREADS;
    add_cosines_of(rows.buf, width, which, count, high, low, dim, out.buf);
    Py_END_ALLOW_THREADS;
    result = Py_NewRef(Py_None);
done:
    free(high), free(low);
    PyBuffer_Release(&rows), PyBuffer_Release(&indices), PyBuffer_Release(&query), PyBuffer_Release(&out);
    return result;
}

PyDoc_STRVAR(fuses_doc, "fuses()\n--\n\nWhether fused multiply-add is an instruction here, without which `vectors` is slow.");

static PyObject *fuses(PyObject *module, PyObject *args) {
    (void)module, (void)args;
    return PyBool_FromLong(FUSES);
}

static PyMethodDef functions[] = {
    {"tokenizer", tokenizer, METH_VARARGS, tokenizer_doc},
    {"token_ids", token_ids, METH_VARARGS, token_ids_doc},
    {"vectors", vectors, METH_VARARGS, vectors_doc},
    {"interactions", interactions, METH_VARARGS, interactions_doc},
    {"bag", bag, METH_VARARGS, bag_doc},
    {"cosines", cosines, METH_VARARGS, cosines_doc},
    {"fuses", fuses, METH_NOARGS, fuses_doc},
    {NULL, NULL, 0, NULL},
};

/* To be raised with every change of what a function takes or gives: a module that was compiled before it is not used. */
static int say_interface(PyObject *module) { return PyModule_AddIntConstant(module, "INTERFACE", 3); }

static PyModuleDef_Slot slots[] = {{Py_mod_exec, say_interface}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "native", "The encoder's hot path in C; see `sakuin.embedder.compiled`.", 0, functions, slots, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_native(void) { return PyModuleDef_Init(&definition); }
