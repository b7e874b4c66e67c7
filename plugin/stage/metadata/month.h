/* month: words that dates are made of, in many languages. */
#ifndef TROMMEL_STAGE_METADATA_MONTH_H
#define TROMMEL_STAGE_METADATA_MONTH_H
#include <stddef.h>
#include <stdint.h>

/* 1 to 12 are months. */
enum {
    WORD_ORDINAL = 20,
    WORD_OF,
    WORD_AT,
    WORD_AM,
    WORD_PM,
    WORD_A,
    WORD_P,
    WORD_M,
    WORD_UTC,
    WORD_HOUR,
    WORD_DAY_NAME,
    WORD_MONTH_NOUN,
    WORD_YEAR_SIGN,
    WORD_MONTH_SIGN,
    WORD_DAY_SIGN
};

/* What a lower-case word means in a date; 0: nothing. */
uint8_t month_word(const char *p, size_t n);
/* What a character that is a word of its own means; 0: it is none. */
uint8_t month_sign(uint32_t cp);
#endif
