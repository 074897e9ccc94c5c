/* The best path of words through a text by a dictionary of MeCab's, as MeCab finds it, in half of its time.
 *
 * MeCab looks words up place by place, and waits for memory at each byte; here all places of a text are looked up
 * together, byte by byte, so that they wait together. Of the words that end where others begin only those count that
 * differ in their right context, and of those that begin there only those that differ in their left one.
 *
 * The files are those of MeCab 0.996: a dictionary is a header, a double array of its words, entries, features. */

#include "lattice.h"

#include <stdlib.h>
#include <string.h>

enum { MAGIC = 0xEF718F77, VERSION = 102, HEADER = 72, CHARSET = 40, NAME = 32, CODES = 0xFFFF, MOST_GROUPED = 24 };
enum { MOST_CHARACTERS = 16384 }; /* costs of more might not fit */
enum { NEVER = INT32_MAX - 0x10000 }; /* a cost that none has, and to which any can be added */
enum { NONE = -1, BASE = 6 };
enum { BASE_BYTES = 0x3FFF, BASE_START = 0xFFFF, NOTE_SHIFT = 14, START_SHIFT = 16 }; /* of `bases` */

typedef struct {
    int32_t base;
    uint32_t check;
} Unit;

typedef struct {
    uint16_t left, right, pos;
    int16_t cost;
    uint32_t feature, compound;
} Token;

typedef struct {
    const Unit *units;
    const Token *tokens;
    const char *features;
    uint32_t unit_count, token_count, features_size, lefts, rights;
} Dictionary;

typedef struct {
    uint32_t first, number;
} Entries;

/* A word that may be: it ends before the character `end`, and the cheapest way to it comes from `before`. */
typedef struct {
    int32_t cost, before, next; /* next: of those that end there too */
    int32_t token;
    uint16_t start, end, right;
} Node;

/* An entry of the dictionary that begins at a character and ends before another; chained, the longest first. */
typedef struct {
    int32_t next;
    uint32_t value;
    uint16_t end;
} Match;

/* A place whose words are still being looked up: where in the double array, and at which byte. */
typedef struct {
    const char *at;
    int32_t base;
    uint16_t start, end;
} Lookup;

/* The best of the nodes to come from for a left context, or the place of a right context; of the place `epoch`. */
typedef struct {
    uint64_t epoch;
    int32_t cost, node;
} Memo;

typedef struct {
    int32_t cost, node;
    uint16_t right;
} Left;

typedef struct {
    void *start;
    size_t room;
} Buffer;

struct mecab {
    Dictionary words, unknown;
    const int16_t *matrix;
    uint32_t lefts, rights;
    const uint8_t *characters;
    Entries categories[256];
    int32_t *first;  /* where the double array is after a character, 0 where nobody has looked, NONE for nowhere */
    uint32_t *bases; /* where an entry's dictionary form is in its feature, and a note; 0 where nobody has looked */
    Memo *by_left, *by_right;
    uint64_t epoch;
    Buffer nodes, matches, places, lookups, lefts_here, path;
};

static const char *CAPSULE = "sakuin.index.text.lattice";

/* ---- Loading */

static uint32_t number_at(const uint8_t *s) {
    uint32_t number;
    memcpy(&number, s, sizeof(number));
    return number;
}

static int read_dictionary(Dictionary *dictionary, const Py_buffer *file) {
    const uint8_t *s = file->buf;
    if (file->len < HEADER || (number_at(s) ^ (uint32_t)MAGIC) != (uint64_t)file->len || number_at(s + 4) != VERSION) return 0;
    uint64_t array = number_at(s + 24), tokens = number_at(s + 28), features = number_at(s + 32);
    if (HEADER + array + tokens + features != (uint64_t)file->len || array % sizeof(Unit) || tokens % sizeof(Token)) return 0;
    if (memcmp(s + CHARSET, "utf8", 5) && memcmp(s + CHARSET, "utf-8", 6) && memcmp(s + CHARSET, "UTF-8", 6)) return 0;
    if (!array || !features || s[file->len - 1] || (uintptr_t)s % sizeof(uint32_t)) return 0;
    *dictionary = (Dictionary){
        .units = (const Unit *)(s + HEADER),
        .tokens = (const Token *)(s + HEADER + array),
        .features = (const char *)(s + HEADER + array + tokens),
        .unit_count = (uint32_t)(array / sizeof(Unit)),
        .token_count = (uint32_t)(tokens / sizeof(Token)),
        .features_size = (uint32_t)features,
        .lefts = number_at(s + 16),
        .rights = number_at(s + 20),
    };
    return 1;
}

/* Where the double array is after some bytes, from `base` on; NONE for nowhere. */
static int32_t walk(const Dictionary *dictionary, int32_t base, const char *s, size_t bytes) {
    for (; bytes; bytes--, s++) {
        uint64_t at = (uint64_t)(uint32_t)base + (uint8_t)*s + 1;
        if (at >= dictionary->unit_count || dictionary->units[at].check != (uint32_t)base) return NONE;
        base = dictionary->units[at].base;
        if (base < 0) return NONE;
    }
    return base;
}

/* Whether a word ends where the double array is: its entries, those there are. */
static int entries_at(const Dictionary *dictionary, int32_t base, Entries *entries) {
    if ((uint32_t)base >= dictionary->unit_count) return 0;
    Unit unit = dictionary->units[base];
    if (unit.check != (uint32_t)base || unit.base >= 0) return 0;
    uint32_t value = (uint32_t)(-(unit.base + 1));
    *entries = (Entries){value >> 8, value & 0xFF};
    return (uint64_t)entries->first + entries->number <= dictionary->token_count;
}

static int read_categories(MeCab *mecab, const Py_buffer *file) {
    const uint8_t *s = file->buf;
    uint32_t number = file->len < 4 ? 0 : number_at(s);
    if (!number || number > 256 || 4 + (uint64_t)NAME * number + 4 * CODES != (uint64_t)file->len) return 0;
    mecab->characters = s + 4 + (size_t)NAME * number;
    for (uint32_t i = 0; i < number; i++) {
        const char *name = (const char *)s + 4 + (size_t)NAME * i;
        const char *end = memchr(name, 0, NAME);
        if (!end) return 0;
        int32_t base = walk(&mecab->unknown, mecab->unknown.units[0].base, name, (size_t)(end - name));
        if (base == NONE || !entries_at(&mecab->unknown, base, &mecab->categories[i])) return 0;
    }
    return 1;
}

static int read_matrix(MeCab *mecab, const Py_buffer *file) {
    uint16_t sizes[2];
    if (file->len < (Py_ssize_t)sizeof(sizes) || (uintptr_t)file->buf % sizeof(int16_t)) return 0;
    memcpy(sizes, file->buf, sizeof(sizes));
    mecab->lefts = sizes[0], mecab->rights = sizes[1];
    mecab->matrix = (const int16_t *)((const char *)file->buf + sizeof(sizes));
    return sizes[0] && sizes[1] && sizeof(sizes) + sizeof(int16_t) * sizes[0] * (uint64_t)sizes[1] == (uint64_t)file->len &&
           mecab->words.lefts == sizes[0] && mecab->words.rights == sizes[1];
}

static int made_room(MeCab *mecab) {
    mecab->first = calloc(CODES + 1, sizeof(int32_t));
    mecab->bases = calloc(mecab->words.token_count, sizeof(uint32_t));
    mecab->by_left = calloc(mecab->rights, sizeof(Memo));
    mecab->by_right = calloc(mecab->lefts, sizeof(Memo));
    return mecab->first && mecab->bases && mecab->by_left && mecab->by_right;
}

static void release(MeCab *mecab) {
    free(mecab->first), free(mecab->bases), free(mecab->by_left), free(mecab->by_right);
    free(mecab);
}

const char load_doc[] = "load(words, unknown, matrix, characters, /)\n--\n\n"
                        "Read a dictionary; it is kept until the process ends.\n\n"
                        "Args:\n"
                        "    words: The bytes of sys.dic, which must begin at a multiple of 8, as those of the others.\n"
                        "    unknown: Of unk.dic.\n"
                        "    matrix: Of matrix.bin.\n"
                        "    characters: Of char.bin.\n\n"
                        "Raises:\n"
                        "    ValueError: They are not of MeCab 0.996 in UTF-8.";

PyObject *load(PyObject *module, PyObject *args) {
    (void)module;
    Py_buffer files[4];
    if (!PyArg_ParseTuple(args, "y*y*y*y*", files, files + 1, files + 2, files + 3)) return NULL;
    MeCab *mecab = calloc(1, sizeof(MeCab));
    int is_read = mecab && read_dictionary(&mecab->words, files) && read_dictionary(&mecab->unknown, files + 1) &&
                  read_matrix(mecab, files + 2) && read_categories(mecab, files + 3);
    PyObject *capsule = NULL;
    if (mecab && !is_read) PyErr_SetString(PyExc_ValueError, "no dictionary of MeCab 0.996 in UTF-8");
    else if (!mecab || !made_room(mecab)) PyErr_NoMemory();
    else capsule = PyCapsule_New(mecab, CAPSULE, NULL);
    if (capsule) return capsule;
    if (mecab) release(mecab);
    for (int i = 0; i < 4; i++) PyBuffer_Release(files + i);
    return NULL;
}

MeCab *mecab_in(PyObject *capsule) { return PyCapsule_GetPointer(capsule, CAPSULE); }

/* ---- Characters: 18 bits of categories, the one of unknown words, how many characters these have, two switches */

static inline uint32_t categories_of(uint32_t info) { return info & 0x3FFFF; }
static inline uint32_t category_of(uint32_t info) { return info >> 18 & 0xFF; }
static inline uint32_t lengths_of(uint32_t info) { return info >> 26 & 0xF; }
static inline int is_grouped(uint32_t info) { return info >> 30 & 1; }
static inline int is_invoked(uint32_t info) { return info >> 31 & 1; }

static inline uint32_t info_of(const MeCab *mecab, uint32_t code) {
    return code < CODES ? number_at(mecab->characters + 4 * (size_t)code) : 0;
}

typedef struct {
    const char *at;
    uint32_t info;
    int32_t ending, match; /* the last node that ends before the character, the longest match that begins there */
} Place;

/* MeCab knows characters of 16 bits; others are 0 to it. */
static inline uint32_t code_at(const char *text, uint32_t *bytes) {
    const uint8_t *s = (const uint8_t *)text;
    if (s[0] < 0x80) return *bytes = 1, s[0];
    if (s[0] < 0xE0) return *bytes = 2, (s[0] & 0x1Fu) << 6 | (s[1] & 0x3Fu);
    if (s[0] < 0xF0) return *bytes = 3, (s[0] & 0x0Fu) << 12 | (s[1] & 0x3Fu) << 6 | (s[2] & 0x3Fu);
    return *bytes = 4, 0;
}

/* ---- Buffers */

static int has_room(Buffer *buffer, size_t bytes) {
    if (bytes <= buffer->room) return 1;
    void *start = realloc(buffer->start, 2 * bytes);
    if (!start) return 0;
    *buffer = (Buffer){start, 2 * bytes};
    return 1;
}

/* ---- Looking up */

static inline int32_t after_first(MeCab *mecab, uint32_t code, const char *s, uint32_t bytes) {
    int32_t root = mecab->words.units[0].base;
    if (bytes > 3) return walk(&mecab->words, root, s, bytes);
    int32_t base = mecab->first[code];
    return base ? base : (mecab->first[code] = walk(&mecab->words, root, s, bytes));
}

/* The places of a text, and one behind its end; begins the lookup of those where a word does. */
static size_t read_places(MeCab *mecab, const char *s, const char *end, size_t *lookup_count) {
    Place *places = mecab->places.start;
    Lookup *lookups = mecab->lookups.start;
    size_t number = 0, started = 0;
    for (uint32_t bytes; s < end; s += bytes, number++) {
        uint32_t code = code_at(s, &bytes);
        places[number] = (Place){s, info_of(mecab, code), NONE, NONE};
        int32_t base = after_first(mecab, code, s, bytes);
        if (base != NONE) lookups[started++] = (Lookup){s + bytes, base, (uint16_t)number, (uint16_t)(number + 1)};
    }
    places[number] = (Place){end, 0, NONE, NONE};
    *lookup_count = started;
    return number;
}

static inline void fetch(const void *memory) {
#ifdef __GNUC__
    __builtin_prefetch(memory);
#else
    (void)memory;
#endif
}

/* Look up all places together, a byte of each at a time. */
static int find_matches(MeCab *mecab, const char *end, size_t number) {
    const Dictionary *words = &mecab->words;
    const Unit *units = words->units;
    const uint32_t unit_count = words->unit_count;
    Place *places = mecab->places.start;
    Lookup *lookups = mecab->lookups.start;
    size_t found = 0;
    while (number) {
        /* Each lookup gives one match at most in a round. */
        if (!has_room(&mecab->matches, (found + number) * sizeof(Match))) return 0;
        Match *matches = mecab->matches.start;
        size_t kept = 0;
        for (size_t i = 0; i < number; i++) {
            Lookup lookup = lookups[i];
            int is_between = lookup.at == end || ((uint8_t)*lookup.at & 0xC0) != 0x80;
            Entries entries;
            if (is_between && entries_at(words, lookup.base, &entries)) {
                Place *place = places + lookup.start;
                matches[found] = (Match){place->match, entries.first << 8 | entries.number, lookup.end};
                place->match = (int32_t)found++;
                fetch(words->tokens + entries.first);
            }
            if (lookup.at == end) continue;
            uint64_t at = (uint64_t)(uint32_t)lookup.base + (uint8_t)*lookup.at + 1;
            if (at >= unit_count || units[at].check != (uint32_t)lookup.base || units[at].base < 0) continue;
            lookup.base = units[at].base, lookup.end = (uint16_t)(lookup.end + is_between), lookup.at++;
            if (lookup.at < end) fetch(units + (uint32_t)lookup.base + (uint8_t)*lookup.at + 1);
            if (lookup.at == end || ((uint8_t)*lookup.at & 0xC0) != 0x80) fetch(units + (uint32_t)lookup.base);
            lookups[kept++] = lookup;
        }
        number = kept;
    }
    return 1;
}

/* ---- The cheapest way */

typedef struct {
    MeCab *mecab;
    Place *places;
    Node *nodes;
    Left *lefts;
    size_t node_count, left_count;
} Search;

/* Nodes that end before a character, the latest first: of those of one right context the cheapest, of those that cost the
 * same the latest. */
static int gather_lefts(Search *search, int32_t node) {
    MeCab *mecab = search->mecab;
    mecab->epoch++;
    search->left_count = 0;
    for (; node != NONE; node = search->nodes[node].next) {
        if (!has_room(&mecab->lefts_here, (search->left_count + 1) * sizeof(Left))) return 0;
        Left *lefts = search->lefts = mecab->lefts_here.start;
        const Node *here = search->nodes + node;
        Memo *memo = mecab->by_right + here->right;
        if (memo->epoch == mecab->epoch) {
            if (here->cost >= memo->cost) continue;
            lefts[memo->node].cost = NEVER; /* it goes: what took its place comes in its own order */
        }
        *memo = (Memo){mecab->epoch, here->cost, (int32_t)search->left_count};
        lefts[search->left_count++] = (Left){here->cost, node, here->right};
    }
    return 1;
}

static inline Memo cheapest(Search *search, uint16_t left) {
    MeCab *mecab = search->mecab;
    Memo *memo = mecab->by_left + left;
    if (memo->epoch == mecab->epoch) return *memo;
    const int16_t *row = mecab->matrix + (size_t)mecab->lefts * left;
    const Left *lefts = search->lefts;
    const size_t count = search->left_count;
    int32_t best = INT32_MAX, node = NONE;
    for (size_t i = 0; i < count; i++) {
        int32_t cost = lefts[i].cost + row[lefts[i].right];
        node = cost < best ? lefts[i].node : node;
        best = cost < best ? cost : best;
    }
    return *memo = (Memo){mecab->epoch, best, node};
}

/* The entries of a word, the last first. */
static int add_nodes(Search *search, const Dictionary *dictionary, Entries entries, size_t start, size_t end) {
    MeCab *mecab = search->mecab;
    if (!has_room(&mecab->nodes, (search->node_count + entries.number) * sizeof(Node))) return 0;
    search->nodes = mecab->nodes.start;
    Place *behind = search->places + end;
    for (uint32_t i = entries.number; i--;) {
        const Token *token = dictionary->tokens + entries.first + i;
        if (token->left >= mecab->rights || token->right >= mecab->lefts) continue;
        Memo from = cheapest(search, token->left);
        if (from.node == NONE) continue;
        int32_t known = dictionary == &mecab->words ? (int32_t)(entries.first + i) : UNKNOWN;
        search->nodes[search->node_count] = (Node){
            from.cost + token->cost, from.node, behind->ending, known, (uint16_t)start, (uint16_t)end, token->right};
        behind->ending = (int32_t)search->node_count++;
    }
    return 1;
}

/* Where words that the dictionary does not have may end which begin at a character: of all characters of its kind that
 * follow, and of one, two and so on of them. */
static size_t unknown_ends(const Place *places, size_t start, size_t number, int is_known, size_t ends[17]) {
    uint32_t info = places[start].info;
    size_t found = 0, group = 0, end = start + 1;
    if (is_grouped(info)) {
        uint32_t last = info;
        /* No further than it matters: a text may be all of one kind. */
        for (group = end; group < number && group - end <= MOST_GROUPED && categories_of(places[group].info) & categories_of(last); group++)
            last = places[group].info;
        if (group - end <= MOST_GROUPED) ends[found++] = group;
    }
    for (uint32_t i = 0; i < lengths_of(info); i++) {
        if (end == group) continue;
        ends[found++] = end;
        if (end == number || !(categories_of(info) & categories_of(places[end].info))) break;
        end++;
    }
    if (!found && !is_known) ends[found++] = end;
    return found;
}

static int add_words_at(Search *search, size_t start, size_t number) {
    MeCab *mecab = search->mecab;
    const Place *places = search->places;
    uint32_t last = info_of(mecab, ' ');
    for (; start < number && categories_of(places[start].info) & categories_of(last); start++) last = places[start].info;
    if (start == number) return 1;
    const Match *matches = mecab->matches.start;
    int32_t match = places[start].match;
    if (match == NONE || is_invoked(places[start].info)) {
        size_t ends[17], found = unknown_ends(places, start, number, match != NONE, ends);
        while (found--)
            if (!add_nodes(search, &mecab->unknown, mecab->categories[category_of(places[start].info)], start, ends[found])) return 0;
    }
    for (; match != NONE; match = matches[match].next) {
        Entries entries = {matches[match].value >> 8, matches[match].value & 0xFF};
        if (!add_nodes(search, &mecab->words, entries, start, matches[match].end)) return 0;
    }
    return 1;
}

/* The words from a node back to the beginning, in order. */
static const Word *path_to(Search *search, int32_t node, size_t *number) {
    size_t words = 0;
    for (int32_t at = node; at > 0; at = search->nodes[at].before) words++;
    if (!has_room(&search->mecab->path, (words + 1) * sizeof(Word))) return NULL;
    Word *path = search->mecab->path.start;
    *number = words;
    for (; node > 0; node = search->nodes[node].before) {
        const Node *here = search->nodes + node;
        const char *surface = search->places[here->start].at;
        path[--words] = (Word){surface, (uint32_t)(search->places[here->end].at - surface), here->token};
    }
    return path;
}

const Word *words_of(MeCab *mecab, const char *text, size_t size, size_t *number) {
    if (size > 4 * MOST_CHARACTERS || !has_room(&mecab->places, (size + 1) * sizeof(Place)) ||
        !has_room(&mecab->lookups, (size + 1) * sizeof(Lookup)) || !has_room(&mecab->nodes, sizeof(Node)))
        return NULL;
    size_t lookups, characters = read_places(mecab, text, text + size, &lookups);
    if (characters > MOST_CHARACTERS || !find_matches(mecab, text + size, lookups)) return NULL;
    Search search = {mecab, mecab->places.start, mecab->nodes.start, NULL, 1, 0};
    search.nodes[0] = (Node){0, NONE, NONE, UNKNOWN, 0, 0, 0};
    search.places[0].ending = 0;
    for (size_t i = 0; i < characters; i++)
        if (search.places[i].ending != NONE && (!gather_lefts(&search, search.places[i].ending) || !add_words_at(&search, i, characters))) return NULL;
    /* White space at the end is in no word. */
    size_t last = characters;
    while (search.places[last].ending == NONE) last--;
    if (!gather_lefts(&search, search.places[last].ending)) return NULL;
    return path_to(&search, cheapest(&search, 0).node, number);
}

/* ---- Features */

/* A field of an entry's feature, which are parted by commas; nothing where it has fewer. */
static const char *field_of(const char *feature, int field, size_t *bytes) {
    for (; field > 0 && feature; field--)
        if ((feature = strchr(feature, ','))) feature++;
    *bytes = feature ? strcspn(feature, ",") : 0;
    return feature ? feature : "";
}

static const char *feature_of(const MeCab *mecab, int32_t token) {
    uint32_t at = mecab->words.tokens[token].feature;
    return at < mecab->words.features_size ? mecab->words.features + at : "";
}

const char *base_of(MeCab *mecab, int32_t token, size_t *bytes, int *note) {
    const char *feature = feature_of(mecab, token);
    uint32_t known = mecab->bases[token];
    *note = (int)(known >> NOTE_SHIFT & 3);
    if (known) return *bytes = known & BASE_BYTES, feature + (known >> START_SHIFT);
    const char *base = field_of(feature, BASE, bytes);
    if (*bytes && *bytes <= BASE_BYTES && base - feature <= BASE_START)
        mecab->bases[token] = (uint32_t)(base - feature) << START_SHIFT | (uint32_t)*bytes;
    return base;
}

void note_of_base(MeCab *mecab, int32_t token, int note) {
    if (mecab->bases[token]) mecab->bases[token] |= (uint32_t)note << NOTE_SHIFT;
}

/* ---- What is printed */

int has_room_for(Out *out, size_t bytes) {
    if (out->room - out->used >= bytes) return 1;
    size_t room = 2 * (out->used + bytes);
    char *start = realloc(out->start, room);
    if (!start) return 0;
    out->start = start, out->room = room;
    return 1;
}

static int print(Out *out, const char *text, size_t bytes, char behind) {
    if (!has_room_for(out, bytes + 1)) return 0;
    char *end = out->start + out->used;
    memcpy(end, text, bytes);
    end[bytes] = behind;
    out->used += bytes + 1;
    return 1;
}

static int print_words(MeCab *mecab, Out *out, const Word *word, const Word *end, int field, int with_words, const char *unknown) {
    for (; word < end; word++) {
        if (with_words && !print(out, word->surface, word->length, '\t')) return 0;
        const char *found = word->surface;
        size_t bytes = word->length;
        int note;
        if (word->token != UNKNOWN)
            found = field == BASE ? base_of(mecab, word->token, &bytes, &note) : field_of(feature_of(mecab, word->token), field, &bytes);
        else if (unknown) found = unknown, bytes = strlen(unknown);
        if (!print(out, found, bytes, with_words ? '\n' : ' ')) return 0;
    }
    return 1;
}

const char parse_doc[] = "parse(mecab, text, field, with_words, unknown, /)\n--\n\n"
                         "A field of the entry of each word of a text, with a space behind it. Not for two threads at once.\n\n"
                         "Args:\n"
                         "    mecab: As `load` gave it.\n"
                         "    text: Of 16,384 characters at most.\n"
                         "    field: From 0.\n"
                         "    with_words: Each word and a tab before it, and a line break behind it.\n"
                         "    unknown: For words that the dictionary does not have; None for these as they stand.\n\n"
                         "Raises:\n"
                         "    MemoryError: there is none, or the text is too long.";

PyObject *parse(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *capsule, *string;
    const char *unknown;
    int field, with_words;
    if (!PyArg_ParseTuple(args, "OUipz", &capsule, &string, &field, &with_words, &unknown)) return NULL;
    Py_ssize_t size;
    const char *text = PyUnicode_AsUTF8AndSize(string, &size);
    MeCab *mecab = text ? mecab_in(capsule) : NULL;
    if (!mecab) return NULL;
    Out out = {NULL, 0, 0};
    size_t number;
    int is_printed;
    Py_BEGIN_ALLOW_THREADS
    const Word *words = words_of(mecab, text, (size_t)size, &number);
    is_printed = words && has_room_for(&out, (size_t)size + 1) && print_words(mecab, &out, words, words + number, field, with_words, unknown);
    Py_END_ALLOW_THREADS
    PyObject *result = is_printed ? PyUnicode_FromStringAndSize(out.start, (Py_ssize_t)out.used) : PyErr_NoMemory();
    free(out.start);
    return result;
}
