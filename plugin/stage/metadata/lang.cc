// lang: the language of a text, by CLD2.
//
// A few thousand bytes are enough and keep the cost flat.  Only a reliable answer counts: one language
// with most of the text.  CLD2's own codes are mapped to BCP 47 where they differ.
#include <cstdio>
#include <cstring>

#include <cld2/public/compact_lang_det.h>

extern "C" int lang_detect(const char *text, size_t n, char *ret)
{
    CLD2::Language languages[3];
    int percent[3], bytes = 0;
    bool reliable = false;

    CLD2::DetectLanguageSummary(text, static_cast<int>(n), true, languages, percent, &bytes, &reliable);
    if (!reliable || languages[0] == CLD2::UNKNOWN_LANGUAGE || percent[0] < 60)
        return 0;
    const char *code = CLD2::LanguageCode(languages[0]);
    static const struct {
        const char *from, *to;
    } renamed[] = {
        { "iw", "he" }, { "jw", "jv" }, { "zh-Hant", "zh-Hant" },
        { "zh", "zh" }, { "no", "nb" }, { "mo", "ro" },
    };
    for (const auto &r : renamed)
        if (std::strcmp(code, r.from) == 0)
            code = r.to;
    if (std::strcmp(code, "un") == 0 || std::strncmp(code, "xxx", 3) == 0 || std::strlen(code) > 15)
        return 0;
    std::strcpy(ret, code);
    return 1;
}
