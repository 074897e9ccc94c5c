/* What the analysis does for each character of a text: signs of what may stand in it, runs of Japanese, and in one pass
 * stop words, pairs of characters, kanji. */

#include "lattice.h"

#include <stdlib.h>
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

/* The character at s, or the range from one to another, as between the brackets of a regular expression; what follows. */
static const char *range_at(const char *s, const char *end, uint32_t *first, uint32_t *last) {
    int bytes;
    *first = *last = character(s, &bytes);
    s += bytes;
    if (s + 1 < end && *s == '-') {
        *last = character(s + 1, &bytes);
        s += 1 + bytes;
    }
    return s;
}

static int note_class(PyObject *text, uint8_t class) {
    Py_ssize_t size;
    const char *s = PyUnicode_AsUTF8AndSize(text, &size);
    if (!s) return 0;
    const char *end = s + size;
    for (uint32_t first, last; s < end;) {
        s = range_at(s, end, &first, &last);
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

/* ---- Signs: what stands in a text, so that patterns are tried only on texts that may match */

/* Of a character, as `signs` in Python names them, and of characters beside each other. */
enum {
    INVISIBLE = 1 << 0,
    DASH = 1 << 1,
    NARROW = 1 << 2,
    UNSTABLE = 1 << 3,
    APOSTROPHE = 1 << 4,
    FORM = 1 << 5,
    REPEAT = 1 << 6,
    EMOJI = 1 << 7,
    LETTER = 1 << 8,
    OF_CHARACTERS = (1 << 9) - 1,
    WAVE = 1 << 9,
    HYPHEN = 1 << 10,
    SHRINKS = 1 << 11,
    GAP = 1 << 12,
    VOWEL = 1 << 13,
    JOINED = 1 << 14,
    WIDE = 1 << 15,
    OTHER_LETTER = 1 << 16,
    /* Of characters, but no sign by themselves. */
    SPACE = 1 << 9,
    KANA = 1 << 10,
    KATAKANA = 1 << 11,
    CAN_BE_HYPHEN = 1 << 12,
    IS_WIDE = 1 << 13
};
enum { LONG_VOWEL = 0x30FC, VU = 0x30F4, WAVE_DASH = 0x301C };
/* Beyond the BMP characters are rare: any sign that one of them may be. */
enum { ASTRAL = INVISIBLE | UNSTABLE | FORM | EMOJI | LETTER };

static uint16_t traits[BMP];

PyDoc_STRVAR(set_up_signs_doc, "set_up_signs(traits, /)\n--\n\n"
                               "Say what characters below U+10000 are: pairs of a class, as between the brackets of a regular\n"
                               "expression, and a trait that its characters have, or, if it is negative, have not. The last that\n"
                               "is said of a character holds.");

static PyObject *set_up_signs(PyObject *module, PyObject *pairs) {
    (void)module;
    if (!PyList_Check(pairs)) return PyErr_SetString(PyExc_TypeError, "not a list"), NULL;
    memset(traits, 0, sizeof(traits));
    for (Py_ssize_t i = 0; i < PyList_Size(pairs); i++) {
        PyObject *class;
        long long trait;
        if (!PyArg_ParseTuple(PyList_GetItem(pairs, i), "UL", &class, &trait)) return NULL;
        if (trait < -UINT16_MAX || trait > UINT16_MAX) return PyErr_SetString(PyExc_ValueError, "not a trait"), NULL;
        Py_ssize_t size;
        const char *s = PyUnicode_AsUTF8AndSize(class, &size);
        if (!s) return NULL;
        const char *end = s + size;
        for (uint32_t first, last; s < end;) {
            s = range_at(s, end, &first, &last);
            for (uint32_t c = first; c <= last && c < BMP; c++)
                traits[c] = (uint16_t)(trait < 0 ? traits[c] & ~-trait : traits[c] | trait);
        }
    }
    Py_RETURN_NONE;
}

static inline int is_alphanumeric(uint32_t c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline int joins(uint32_t c) { return c == '-' || c == '_' || c == '.' || c == ','; }

static uint32_t signs_in(const char *s, const char *end) {
    uint32_t found = 0, last = 0, trait_of_last = 0, trait_before = 0, all = 0;
    for (int bytes; s < end; s += bytes) {
        uint32_t c = character(s, &bytes), trait = c < BMP ? traits[c] : ASTRAL;
        all |= trait;
        if (trait & LETTER && c >= 0x80) found |= OTHER_LETTER;
        if ((c == '~' || c == WAVE_DASH) && trait_of_last & KANA) found |= WAVE;
        if (trait & CAN_BE_HYPHEN && is_alphanumeric(last)) found |= HYPHEN;
        if (last == LONG_VOWEL ? c == LONG_VOWEL : last == VU) found |= SHRINKS;
        if (trait & SPACE && class_of(last)) found |= GAP;
        if (last == LONG_VOWEL && !(trait & KATAKANA) && c != LONG_VOWEL) found |= VOWEL;
        if (joins(last) && trait & LETTER && trait_before & LETTER) found |= JOINED;
        trait_before = trait_of_last, trait_of_last = trait, last = c;
    }
    found |= (all & OF_CHARACTERS) | (all & IS_WIDE ? WIDE : 0);
    return last == LONG_VOWEL ? found | VOWEL : found;
}

PyDoc_STRVAR(signs_doc, "signs(text, /)\n--\n\n"
                        "What may stand in a text, as a sum of the bits of `sakuin.index.text.signs`.");

static PyObject *signs(PyObject *module, PyObject *text) {
    (void)module;
    Py_ssize_t size;
    const char *s = PyUnicode_AsUTF8AndSize(text, &size);
    return s ? PyLong_FromUnsignedLong(signs_in(s, s + size)) : NULL;
}

/* ---- Folding: what takes another character in the place of one */

enum { IDEOGRAPHIC_SPACE = 0x3000, FIRST_WIDE = 0xFF01, LAST_WIDE = 0xFF5E, WIDE_FROM_ASCII = 0xFEE0 };
enum { MOST_ASTRAL_FORMS = 32 };
static uint16_t forms[BMP]; /* 0 for characters that have no other */
static uint32_t astral_forms[MOST_ASTRAL_FORMS + 1][2]; /* ended by 0 */

PyDoc_STRVAR(set_up_forms_doc, "set_up_forms(forms, /)\n--\n\n"
                               "Say which characters have another form: each followed by that, which is below U+10000.\n\n"
                               "Raises:\n"
                               "    ValueError: there are too many, or others.");

static PyObject *set_up_forms(PyObject *module, PyObject *text) {
    (void)module;
    Py_ssize_t size;
    const char *s = PyUnicode_AsUTF8AndSize(text, &size);
    if (!s) return NULL;
    memset(forms, 0, sizeof(forms)), memset(astral_forms, 0, sizeof(astral_forms));
    size_t astral = 0;
    int bytes;
    for (const char *end = s + size; s < end;) {
        uint32_t c = character(s, &bytes);
        s += bytes;
        uint32_t form = s < end ? character(s, &bytes) : BMP;
        s += bytes;
        if (form >= BMP || (c >= BMP && astral == MOST_ASTRAL_FORMS)) return PyErr_SetString(PyExc_ValueError, "forms"), NULL;
        if (c < BMP) forms[c] = (uint16_t)form;
        else astral_forms[astral][0] = c, astral_forms[astral++][1] = form;
    }
    Py_RETURN_NONE;
}

static inline uint32_t form_of(uint32_t c) {
    if (c < BMP) return traits[c] & FORM ? forms[c] : 0;
    for (size_t i = 0; astral_forms[i][0]; i++)
        if (astral_forms[i][0] == c) return astral_forms[i][1];
    return 0;
}

static inline uint32_t narrow_of(uint32_t c) {
    if (c == IDEOGRAPHIC_SPACE) return ' ';
    return c >= FIRST_WIDE && c <= LAST_WIDE ? c - WIDE_FROM_ASCII : 0;
}

/* Write a character below U+10000, in no more bytes than the one that it stands for. */
static inline char *written(char *out, uint32_t c) {
    if (c < 0x80) return *out = (char)c, out + 1;
    if (c < 0x800) return out[0] = (char)(0xC0 | c >> 6), out[1] = (char)(0x80 | (c & 0x3F)), out + 2;
    return out[0] = (char)(0xE0 | c >> 12), out[1] = (char)(0x80 | (c >> 6 & 0x3F)), out[2] = (char)(0x80 | (c & 0x3F)), out + 3;
}

static PyObject *replaced(PyObject *text, int is_narrowed) {
    Py_ssize_t size;
    const char *s = PyUnicode_AsUTF8AndSize(text, &size);
    if (!s) return NULL;
    char *start = PyMem_Malloc(3 * (size_t)size + 1), *out = start;
    if (!start) return PyErr_NoMemory();
    int bytes, is_changed = 0;
    for (const char *end = s + size; s < end; s += bytes) {
        uint32_t c = character(s, &bytes), other = is_narrowed ? narrow_of(c) : form_of(c);
        if (other) {
            out = written(out, other), is_changed = 1;
            continue;
        }
        memcpy(out, s, (size_t)bytes);
        out += bytes;
    }
    PyObject *result = is_changed ? PyUnicode_FromStringAndSize(start, out - start) : Py_NewRef(text);
    PyMem_Free(start);
    return result;
}

PyDoc_STRVAR(narrowed_doc, "narrowed(text, /)\n--\n\n"
                           "A text with wide ASCII as ASCII: its NFKC, where all others are stable.");

static PyObject *narrowed(PyObject *module, PyObject *text) {
    (void)module;
    return replaced(text, 1);
}

PyDoc_STRVAR(formed_doc, "formed(text, /)\n--\n\n"
                         "A text with the other form of characters that have one.");

static PyObject *formed(PyObject *module, PyObject *text) {
    (void)module;
    return replaced(text, 0);
}

/* ---- Words in ASCII */

static int append(PyObject *list, const char *s, size_t bytes) {
    PyObject *word = PyUnicode_FromStringAndSize(s, (Py_ssize_t)bytes);
    int is_appended = word && !PyList_Append(list, word);
    Py_XDECREF(word);
    return is_appended;
}

static inline int is_word_at(const char *s, const char *end) { return s < end && is_alphanumeric((uint8_t)*s); }

static const char *word_end(const char *s, const char *end) {
    while (is_word_at(s, end)) s++;
    return s;
}

static int append_words(PyObject *list, const char *s, const char *end) {
    for (const char *start; s < end; s++) {
        if (!is_word_at(s, end)) continue;
        for (start = s, s = word_end(s, end); s < end && *s == '\'' && is_word_at(s + 1, end);) s = word_end(s + 1, end);
        if (!append(list, start, (size_t)(s - start))) return 0;
    }
    return 1;
}

static inline int is_digit(char c) { return c >= '0' && c <= '9'; }

/* Whether a joint stays in the word: a comma not between digits, a hyphen only there, a full stop. */
static inline int is_kept(const char *joint) {
    int between_digits = is_digit(joint[-1]) && is_digit(joint[1]);
    return *joint == '.' || (*joint == ',' ? !between_digits : between_digits);
}

static int append_joined(PyObject *list, const char *s, const char *end) {
    char *start = PyMem_Malloc((size_t)(end - s) + 1);
    if (!start) return PyErr_NoMemory(), 0;
    int is_appended = 1;
    for (; s < end && is_appended; s++) {
        if (!is_word_at(s, end)) continue;
        int joints = 0;
        char *out = start;
        for (;; joints++) {
            const char *stop = word_end(s, end);
            memcpy(out, s, (size_t)(stop - s));
            out += stop - s, s = stop;
            if (s == end || !joins((uint8_t)*s) || !is_word_at(s + 1, end)) break;
            if (is_kept(s)) *out++ = *s;
            s++;
        }
        is_appended = !joints || append(list, start, (size_t)(out - start));
    }
    PyMem_Free(start);
    return is_appended;
}

PyDoc_STRVAR(words_doc, "words(text, signs, /)\n--\n\n"
                        "The words of a text whose letters, but Japanese ones, are ASCII, then those that signs join.\n\n"
                        "Args:\n"
                        "    text: Folded.\n"
                        "    signs: Of it, as `signs` gave them.");

static PyObject *words(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *text;
    unsigned long found;
    if (!PyArg_ParseTuple(args, "Uk", &text, &found)) return NULL;
    Py_ssize_t size;
    const char *s = PyUnicode_AsUTF8AndSize(text, &size);
    PyObject *list = s ? PyList_New(0) : NULL;
    if (!list) return NULL;
    if (append_words(list, s, s + size) && (!(found & JOINED) || append_joined(list, s, s + size))) return list;
    Py_DECREF(list);
    return NULL;
}

/* ---- Runs */

/* Copy the stretches of Japanese characters in a text, parted by spaces. */
static char *copy_runs(char *out, const char *s, const char *end) {
    const char *start = out;
    int inside = 0;
    for (int bytes; s < end; s += bytes) {
        if (class_of(character(s, &bytes))) {
            if (!inside && out > start) *out++ = ' ';
            memcpy(out, s, (size_t)bytes);
            out += bytes, inside = 1;
        } else inside = 0;
    }
    return out;
}

/* ---- What pairs and kanji are read from */

/* Copy a text without the single white space that stands between Japanese characters. */
static char *copy_without_gaps(char *out, const char *s, const char *end) {
    int after_japanese = 0;
    for (int bytes, bytes_behind; s < end; s += bytes) {
        uint32_t c = character(s, &bytes);
        int is_gap = after_japanese && c < BMP && traits[c] & SPACE && s + bytes < end && class_of(character(s + bytes, &bytes_behind));
        after_japanese = class_of(c) != 0;
        if (is_gap) continue;
        memcpy(out, s, (size_t)bytes);
        out += bytes;
    }
    return out;
}

static inline int is_katakana(uint32_t c) { return c < BMP && traits[c] & KATAKANA; }

/* Take out of start:end, in place, the long vowels that end words of three katakana and more. */
static char *take_out_final_vowels(char *start, const char *end) {
    char *out = start;
    uint32_t before[3] = {0, 0, 0}; /* the characters before, the nearest last */
    int bytes, bytes_behind;
    for (const char *s = start; s < end; s += bytes) {
        uint32_t c = character(s, &bytes), behind = c == LONG_VOWEL && s + bytes < end ? character(s + bytes, &bytes_behind) : 0;
        int is_final = c == LONG_VOWEL && is_katakana(before[0]) && (is_katakana(before[1]) || before[1] == LONG_VOWEL) &&
                       (is_katakana(before[2]) || before[2] == LONG_VOWEL) && !is_katakana(behind) && behind != LONG_VOWEL;
        before[0] = before[1], before[1] = before[2], before[2] = c;
        if (is_final) continue;
        memmove(out, s, (size_t)bytes);
        out += bytes;
    }
    return out;
}

/* ---- Terms */

/* Add a term and a space behind it. */
static inline char *added(char *out, const char *term, size_t bytes) {
    memcpy(out, term, bytes);
    out[bytes] = ' ';
    return out + bytes + 1;
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

/* ---- Words, and all of it at once */

enum { IS_TERM = 1, IS_STOP_WORD, IS_FOLDED }; /* notes of dictionary forms: kept, left out, to be folded each time */
enum { PIECE_CHARACTERS = 2000 };
enum { REPEAT_OF_KANJI = 0x3005, REPEAT_OF_HIRAGANA = 0x309D, REPEAT_OF_KATAKANA = 0x30FD };

static inline int is_repeat(uint32_t c) { return c == REPEAT_OF_KANJI || c == REPEAT_OF_HIRAGANA || c == REPEAT_OF_KATAKANA; }

static inline int is_space(uint32_t c) { return c < BMP && traits[c] & SPACE; }

/* Copy a text with the character before a mark of repetition in place of it. At most a third longer. */
static char *copy_repeated(char *out, const char *s, const char *end) {
    const char *before = NULL; /* what may be repeated */
    int bytes_before = 0;
    for (int bytes; s < end; s += bytes) {
        uint32_t c = character(s, &bytes);
        if (before && is_repeat(c)) {
            memcpy(out, before, (size_t)bytes_before);
            out += bytes_before, before = NULL;
            continue;
        }
        before = class_of(c) ? s : NULL, bytes_before = bytes;
        memcpy(out, s, (size_t)bytes);
        out += bytes;
    }
    return out;
}

/* Copy a dictionary form without the long vowel at the end of a word of four characters and more. */
static char *copy_without_end_vowel(char *out, const char *s, const char *end) {
    int before = 0, bytes_behind;
    for (int bytes; s < end; s += bytes) {
        uint32_t c = character(s, &bytes);
        int is_last = s + bytes == end || is_space(character(s + bytes, &bytes_behind));
        if (c == LONG_VOWEL && before >= 3 && is_last) continue;
        before = is_space(c) ? 0 : before + 1;
        memcpy(out, s, (size_t)bytes);
        out += bytes;
    }
    return out;
}

static int may_be_folded(const char *s, const char *end) {
    for (int bytes; s < end; s += bytes) {
        uint32_t c = character(s, &bytes);
        if (c == LONG_VOWEL || is_repeat(c)) return 1;
    }
    return 0;
}

static int add_folded(Out *out, const char *s, size_t bytes) {
    /* Twice: what is repeated stands behind what it is copied from. */
    if (!has_room_for(out, 3 * bytes + 3)) return 0;
    char *start = out->start + out->used, *scratch = start + 2 * bytes + 2;
    char *end = copy_repeated(start, scratch, copy_without_end_vowel(scratch, s, s + bytes));
    if (end == start || is_stop_word(start, (size_t)(end - start))) return 1;
    *end = ' ';
    out->used += (size_t)(end + 1 - start);
    return 1;
}

static int add_word(Out *out, MeCab *mecab, const Word *word) {
    int note = 0;
    size_t bytes = word->length;
    const char *base = word->token == UNKNOWN ? word->surface : base_of(mecab, word->token, &bytes, &note);
    if (!note) {
        note = may_be_folded(base, base + bytes) ? IS_FOLDED : !bytes || is_stop_word(base, bytes) ? IS_STOP_WORD : IS_TERM;
        if (word->token != UNKNOWN) note_of_base(mecab, word->token, note);
    }
    if (note == IS_STOP_WORD) return 1;
    if (note == IS_FOLDED) return add_folded(out, base, bytes);
    if (!has_room_for(out, bytes + 1)) return 0;
    out->used = (size_t)(added(out->start + out->used, base, bytes) - out->start);
    return 1;
}

/* The end of a piece short enough for MeCab, whose time and memory grow with it: before a space, if there is one. */
static const char *piece_end(const char *s, const char *end) {
    const char *start = s, *space = NULL;
    int bytes;
    for (int number = 0; s < end; s += bytes, number++) {
        if (number == PIECE_CHARACTERS) return space ? space : s;
        character(s, &bytes);
        if (*s == ' ' && s > start) space = s;
    }
    return end;
}

static int add_words_of(Out *out, MeCab *mecab, const char *s, const char *end) {
    for (const char *stop; s < end; s = stop) {
        stop = piece_end(s, end);
        size_t number;
        const Word *words = words_of(mecab, s, (size_t)(stop - s), &number);
        if (!words) return 0;
        for (size_t i = 0; i < number; i++)
            if (!add_word(out, mecab, words + i)) return 0;
    }
    return 1;
}

static int add_pairs_and_kanji(Out *out, const char *s, const char *end) {
    /* A Japanese character has three bytes or four, and stands in two pairs and for itself. */
    if (!has_room_for(out, 6 * (size_t)(end - s) + 16)) return 0;
    char *to = out->start + out->used;
    out->used = (size_t)(add_kanji(add_pairs(to, s, end), s, end) - out->start);
    return 1;
}

static int add_terms(Out *out, MeCab *mecab, const char *s, size_t size, unsigned long signs) {
    /* First the runs, then what pairs are read from: the text itself, or what is made of it in two steps. */
    char *scratch = malloc(3 * size + 3);
    if (!scratch) return 0;
    const char *runs_end = copy_runs(scratch, s, s + size);
    const char *stream = s, *end = s + size;
    int is_added = runs_end == scratch || add_words_of(out, mecab, scratch, runs_end);
    if (signs & (GAP | VOWEL)) {
        end = take_out_final_vowels(scratch, copy_without_gaps(scratch, stream, end));
        stream = scratch;
    }
    if (signs & REPEAT) {
        char *repeated = scratch + size + 1;
        end = copy_repeated(repeated, stream, end), stream = repeated;
    }
    is_added = is_added && (runs_end == scratch || add_pairs_and_kanji(out, stream, end));
    free(scratch);
    return is_added;
}

PyDoc_STRVAR(terms_doc, "terms(dictionary, text, signs, /)\n--\n\n"
                        "The Japanese terms of a folded text: words without stop words, then pairs, then kanji; parted by spaces.\n"
                        "Not for two threads at once.\n\n"
                        "Args:\n"
                        "    dictionary: As `load` gave it.\n"
                        "    text: Folded.\n"
                        "    signs: Of it, as `signs` gave them.\n\n"
                        "Raises:\n"
                        "    MemoryError: there is none.");

static PyObject *terms(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *capsule, *string;
    unsigned long signs;
    /* U takes no bytes, as s# would: what they hold need not be UTF-8. */
    if (!PyArg_ParseTuple(args, "OUk", &capsule, &string, &signs)) return NULL;
    Py_ssize_t size;
    const char *text = PyUnicode_AsUTF8AndSize(string, &size);
    MeCab *mecab = text ? mecab_in(capsule) : NULL;
    if (!mecab) return NULL;
    Out out = {NULL, 0, 0};
    int is_added;
    Py_BEGIN_ALLOW_THREADS
    /* Twice as much is taken, mostly enough for all of it. */
    is_added = has_room_for(&out, 4 * (size_t)size + 16) && add_terms(&out, mecab, text, (size_t)size, signs);
    Py_END_ALLOW_THREADS
    PyObject *result = is_added ? PyUnicode_FromStringAndSize(out.start, out.used ? (Py_ssize_t)out.used - 1 : 0) : PyErr_NoMemory();
    free(out.start);
    return result;
}

static PyMethodDef functions[] = {
    {"set_up", set_up, METH_VARARGS, set_up_doc},
    {"set_up_signs", set_up_signs, METH_O, set_up_signs_doc},
    {"signs", signs, METH_O, signs_doc},
    {"set_up_forms", set_up_forms, METH_O, set_up_forms_doc},
    {"narrowed", narrowed, METH_O, narrowed_doc},
    {"formed", formed, METH_O, formed_doc},
    {"words", words, METH_VARARGS, words_doc},
    {"terms", terms, METH_VARARGS, terms_doc},
    {"load", load, METH_VARARGS, load_doc},
    {"parse", parse, METH_VARARGS, parse_doc},
    {NULL, NULL, 0, NULL},
};

/* To be raised with every change of what a function takes or gives: a module that was compiled before it is not used. */
static int say_interface(PyObject *module) { return PyModule_AddIntConstant(module, "INTERFACE", 7); }

static PyModuleDef_Slot slots[] = {{Py_mod_exec, say_interface}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "native", "The analysis of Japanese in C.", 0, functions, slots, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_native(void) { return PyModuleDef_Init(&definition); }
