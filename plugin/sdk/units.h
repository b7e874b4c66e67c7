/* units: signs, abbreviations and ISO 4217 codes of currencies; see amount.h, which includes this. */
#ifndef TROMMEL_SDK_UNITS_H
#define TROMMEL_SDK_UNITS_H
#include "walk.h"

enum {                     /* how its users write numbers */
       SDK_UNIT_WORD = 1,  /* letters: no other letter beside it */
       SDK_UNIT_DOT = 2,   /* decimals behind a dot, so 1.299 is no thousand */
       SDK_UNIT_MILLS = 4, /* three decimals */
};

struct sdk_unit {
    char text[8], iso[4];
    unsigned char flags;
};

/* The unit that is k-th in the list, or NULL. */
SDK_INLINE const struct sdk_unit *sdk_unit_row(unsigned k)
{
    enum { W = SDK_UNIT_WORD, DOT = SDK_UNIT_DOT };
    static const struct sdk_unit rows[] = {
        { "€", "EUR", 0 },
        { "£", "GBP", DOT },
        { "$", "", DOT },
        { "¥", "", DOT },
        { "￥", "", DOT },
        { "₹", "INR", DOT },
        { "₽", "RUB", 0 },
        { "₩", "KRW", DOT },
        { "₪", "ILS", DOT },
        { "₺", "TRY", 0 },
        { "₫", "VND", 0 },
        { "đ", "VND", W },
        { "₴", "UAH", 0 },
        { "฿", "THB", DOT },
        { "₱", "PHP", DOT },
        { "₦", "NGN", DOT },
        { "₡", "CRC", 0 },
        { "₲", "PYG", 0 },
        { "₸", "KZT", 0 },
        { "₾", "GEL", 0 },
        { "₼", "AZN", 0 },
        { "₭", "LAK", 0 },
        { "₮", "MNT", DOT },
        { "৳", "BDT", DOT },
        { "₵", "GHS", DOT },
        { "US$", "USD", W | DOT },
        { "US $", "USD", W | DOT },
        { "$US", "USD", W | DOT },
        { "USD$", "USD", W | DOT },
        { "US-$", "USD", W | DOT },
        { "CA$", "CAD", W | DOT },
        { "CAD$", "CAD", W | DOT },
        { "C$", "", W | DOT },
        { "A$", "AUD", W | DOT },
        { "AU$", "AUD", W | DOT },
        { "AUD$", "AUD", W | DOT },
        { "NZ$", "NZD", W | DOT },
        { "HK$", "HKD", W | DOT },
        { "S$", "SGD", W | DOT },
        { "SG$", "SGD", W | DOT },
        { "NT$", "TWD", W | DOT },
        { "MX$", "MXN", W | DOT },
        { "R$", "BRL", W },
        { "kr", "", W },
        { "kr.", "", W },
        { "Kr", "", W },
        { "KR", "", W },
        { "zł", "PLN", W },
        { "Kč", "CZK", W },
        { "Ft", "HUF", W },
        { "лв", "BGN", W },
        { "лв.", "BGN", W },
        { "руб", "", W },
        { "руб.", "", W },
        { "грн", "UAH", W },
        { "грн.", "UAH", W },
        { "SFr", "CHF", W | DOT },
        { "SFr.", "CHF", W | DOT },
        { "sFr.", "CHF", W | DOT },
        { "TL", "TRY", W },
        { "lei", "", W },
        { "Lei", "", W },
        { "Rp", "IDR", W },
        { "Rp.", "IDR", W },
        { "RM", "MYR", W | DOT },
        { "Rs", "", W | DOT },
        { "Rs.", "", W | DOT },
        { "S/", "PEN", W | DOT },
        { "S/.", "PEN", W | DOT },
        { "元", "CNY", DOT },
        { "円", "JPY", DOT },
        { "원", "KRW", DOT },
        { "KSh", "KES", W | DOT },
        { "euro", "EUR", W },
        { "euros", "EUR", W },
        { "Euro", "EUR", W },
        { "Euros", "EUR", W },
    };

    return k < sizeof rows / sizeof rows[0] ? &rows[k] : NULL;
}

/* Is p[0..2] one of the codes in a list of them, four bytes each?  */
SDK_INLINE int sdk_code_in(const char *list, const char *p)
{
    for (; *list; list += 4)
        if (!memcmp(list, p, 3))
            return 1;
    return 0;
}

/* ISO 4217, but for ALL, CUP and TOP, which are words in capitals. */
SDK_INLINE int sdk_unit_iso(const char *p, struct sdk_unit *ret)
{
    static const char codes[] = "AED AFN AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL "
                                "BSD BTN BWP BYN BZD CAD CDF CHF "
                                "CLP CNY COP CRC CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS "
                                "GIP GMD GNF GTQ GYD HKD HNL HTG "
                                "HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT "
                                "LAK LBP LKR LRD LSL LYD MAD MDL "
                                "MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR "
                                "PAB PEN PGK PHP PKR PLN PYG QAR "
                                "RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL "
                                "THB TJS TMT TND TRY TTD TWD TZS "
                                "UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWL ";
    static const char dots[] = "AED AUD BDT CAD CHF CNY EGP GBP GHS HKD ILS INR JPY KES KRW LKR MNT MXN MYR "
                               "NGN NPR NZD PEN PHP PKR SAR SGD "
                               "THB TWD USD ZAR ";
    static const char mills[] = "BHD IQD JOD KWD LYD OMR TND ";

    if (!sdk_code_in(codes, p))
        return 0;
    memset(ret, 0, sizeof *ret);
    memcpy(ret->text, p, 3);
    memcpy(ret->iso, p, 3);
    ret->flags = (unsigned char)(SDK_UNIT_WORD | (sdk_code_in(dots, p) ? SDK_UNIT_DOT : 0) |
                                 (sdk_code_in(mills, p) ? SDK_UNIT_MILLS : 0));
    return 1;
}
#endif
