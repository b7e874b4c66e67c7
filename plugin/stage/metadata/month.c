/* month: words that dates are made of, in many languages.  See month.h.
 *
 * One string of words a meaning; an open-addressed table is filled from them at the first use.  Words of
 * fewer than three letters are left to the other meanings. */
#include <string.h>

#include "plugin/stage/metadata/month.h"

/* clang-format off */
static const struct {
    uint8_t word;
    const char *forms; /* lower case, one space between */
} month_rows[] = {
    { 1,
        "january jan januar jänner januari janvier janv enero ene janeiro gennaio gen styczeń stycznia "
        "sty leden ledna led январь января янв січень січня січ ocak oca jaanuar tammikuu tammikuuta "
        "január ianuarie ian ιανουάριος ιανουαρίου ιαν sausio janvāris siječnja sijecnja januara "
        "јануар janv يناير כינואר ינואר бינואר जनवरी มกราคม gener urtarrila janúar" },
    { 2,
        "february feb febr februar feber februari février fevrier févr fevr febrero fevereiro fev "
        "febbraio luty lutego lut únor února unor unora úno февраль февраля фев февр лютий лютого лют "
        "şubat subat şub helmikuu helmikuuta február februarie φεβρουάριος φεβρουαρίου φεβ vasario "
        "veebruar veljače februara фебруар فبراير פברואר פברואר फ़रवरी फरवरी กุมภาพันธ์ febrer febrúar" },
    { 3,
        "march mar märz maerz mär mrz mrt maart mars marzo março marco marzec marca březen března "
        "brezen brezna bře март марта мар березень березня бер mart maaliskuu maaliskuuta március márc "
        "martie μάρτιος μαρτίου μαρ kovo märts ožujka ozujka marta مارس מרץ मार्च มีนาคม març" },
    { 4,
        "april apr avril avr abril abr aprile kwiecień kwietnia kwi duben dubna dub апрель апреля апр "
        "квітень квітня кві nisan nis huhtikuu huhtikuuta április ápr aprilie απρίλιος απριλίου απρ "
        "balandžio aprill travnja aprila април أبريل ابريل אפריל अप्रैल เมษายน apríl" },
    { 5,
        "may mai mei mayo maio maggio mag maj maja květen května kveten kvetna kvě май мая травень "
        "травня тра mayıs toukokuu toukokuuta május máj μάιος μαΐου μαΐ gegužės svibnja мај مايو מאי "
        "मई พฤษภาคม maig maí" },
    { 6,
        "june jun juni juin junio junho giugno giu czerwiec czerwca cze červen června cerven cervna "
        "čvn июнь июня июн червень червня чер haziran haz kesäkuu kesäkuuta június iunie iun ιούνιος "
        "ιουνίου ιουν birželio lipnja juna јун يونيو יוני जून มิถุนายน juny júní" },
    { 7,
        "july jul juli juillet juil julio julho luglio lug lipiec lipca lip červenec července cervenec "
        "cervence čvc июль июля июл липень липня лип temmuz tem heinäkuu heinäkuuta július iulie iul "
        "ιούλιος ιουλίου ιουλ liepos srpnja jula јул يوليو יולי जुलाई กรกฎาคม juliol júlí" },
    { 8,
        "august aug augustus août aout agosto ago sierpień sierpnia sie srpen srpna srp август августа "
        "авг серпень серпня сер ağustos agustos ağu elokuu elokuuta augusztus aug αύγουστος αυγούστου "
        "αυγ rugpjūčio kolovoza avgust avgusta avg أغسطس اغسطس אוגוסט अगस्त สิงหาคม agost ágúst "
        "agustus augusti" },
    { 9,
        "september sept sep septembre septiembre set setembro settembre sett wrzesień września wrz "
        "září zari zář сентябрь сентября сен сент вересень вересня вер eylül eylul eyl syyskuu "
        "syyskuuta szeptember szept septembrie σεπτέμβριος σεπτεμβρίου σεπ rugsėjo rujna septembra "
        "септембар سبتمبر ספטמבר सितंबर กันยายน setembre" },
    { 10,
        "october oct oktober okt octobre octubre outubro out ottobre ott październik października paź "
        "říjen října rijen rijna říj октябрь октября окт жовтень жовтня жов ekim eki lokakuu lokakuuta "
        "október octombrie οκτώβριος οκτωβρίου οκτ spalio oktoober oktobra октобар أكتوبر اكتوبر "
        "אוקטובר अक्टूबर अक्तूबर ตุลาคม október" },
    { 11,
        "november nov novembre noviembre novembro listopad lis листопад листопада лис ноябрь ноября "
        "ноя нояб kasım kasim kas marraskuu marraskuuta listopada noiembrie noi νοέμβριος νοεμβρίου "
        "νοε lapkričio studenoga studenog novembra новембар نوفمبر נובמבר नवंबर พฤศจิกายน nóvember" },
    { 12,
        "december dec dez dezember décembre decembre déc diciembre dic dezembro dicembre grudzień "
        "grudnia gru prosinec prosince pro декабрь декабря дек грудень грудня гру aralık aralik ara "
        "joulukuu joulukuuta decembrie δεκέμβριος δεκεμβρίου δεκ gruodžio detsember prosinca decembra "
        "децембар ديسمبر דצמבר दिसंबर ธันวาคม desember des desembre" },
    { WORD_ORDINAL, "st nd rd th º er ª ᵗʰ" },
    { WORD_OF, "of de del d di г року the do da ב" },
    { WORD_AT,
        "t at um à a às alas las om kl klo kello v в о o alle ore saat uhr godz ora os h om as le" },
    { WORD_AM, "am" },
    { WORD_PM, "pm" },
    { WORD_UTC, "utc gmt z" },
    { WORD_DAY_NAME,
        "monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thurs fri sat "
        "sun" },
    { WORD_MONTH_NOUN, "tháng" },
};
/* clang-format on */

#define MONTH_SLOTS 2048u
static struct {
    const char *p;
    uint8_t n, word;
} month_table[MONTH_SLOTS];
static int month_filled;

static uint32_t month_hash(const char *p, size_t n)
{
    uint32_t h = 2166136261u;

    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)p[i]) * 16777619u;
    return h ^ h >> 15;
}

static void month_insert(const char *p, size_t n, uint8_t word)
{
    uint32_t i = month_hash(p, n) % MONTH_SLOTS;

    while (month_table[i].p) {
        if (month_table[i].n == n && memcmp(month_table[i].p, p, n) == 0)
            return; /* the first meaning stays */
        i = (i + 1) % MONTH_SLOTS;
    }
    month_table[i].p = p;
    month_table[i].n = (uint8_t)n;
    month_table[i].word = word;
}

static void month_fill(void)
{
    for (size_t r = 0; r < sizeof month_rows / sizeof *month_rows; r++) {
        for (const char *p = month_rows[r].forms; *p;) {
            size_t n = strcspn(p, " ");
            if (n)
                month_insert(p, n, month_rows[r].word);
            p += n + (p[n] == ' ');
        }
    }
    month_filled = 1;
}

uint8_t month_word(const char *p, size_t n)
{
    if (!month_filled)
        month_fill();
    if (n > 60)
        return 0;
    if (n == 1) { /* "3 p.m.", "15h30": letters that mean something only behind a number */
        switch (*p) {
        case 'p':
            return WORD_P;
        case 'm':
            return WORD_M;
        case 'h':
            return WORD_HOUR;
        case 'a':
            return WORD_A;
        }
    }
    for (uint32_t i = month_hash(p, n) % MONTH_SLOTS; month_table[i].p; i = (i + 1) % MONTH_SLOTS)
        if (month_table[i].n == n && memcmp(month_table[i].p, p, n) == 0)
            return month_table[i].word;
    return 0;
}

uint8_t month_sign(uint32_t cp)
{
    switch (cp) {
    case 0x5E74:
    case 0xB144:
        return WORD_YEAR_SIGN;
    case 0x6708:
    case 0xC6D4:
        return WORD_MONTH_SIGN;
    case 0x65E5:
    case 0xC77C:
    case 0x53F7:
        return WORD_DAY_SIGN;
    default:
        return 0;
    }
}
