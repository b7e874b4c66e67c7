/* trommel/names.h: our numbers for element and attribute names.
 *
 * The numbers are part of the stage contract: a name keeps its number for ever, new names are appended at
 * the end of a table, none is taken out.  0 stands for a name that is not in the table.  The numbers do not
 * tell the namespace: an SVG `a` is TROMMEL_TAG_A with ns TROMMEL_NS_SVG.
 *
 * Names are in lower case, as the flat page has them.
 *
 * TROMMEL_TAG_MAP and TROMMEL_ATTR_MAP call X(number, UPPER, "name") for each row.
 *
 * Licence: SPDX-License-Identifier: MIT */
#ifndef TROMMEL_NAMES_H
#define TROMMEL_NAMES_H

#define TROMMEL_TAG_MAP(X) \
    X(1, HTML, "html") X(2, HEAD, "head") X(3, BODY, "body") X(4, TITLE, "title") X(5, BASE, "base") \
    X(6, LINK, "link") X(7, META, "meta") X(8, STYLE, "style") X(9, SCRIPT, "script") \
    X(10, NOSCRIPT, "noscript") X(11, TEMPLATE, "template") X(12, SLOT, "slot") \
    X(13, ARTICLE, "article") X(14, SECTION, "section") X(15, NAV, "nav") X(16, ASIDE, "aside") \
    X(17, HEADER, "header") X(18, FOOTER, "footer") X(19, MAIN, "main") X(20, HGROUP, "hgroup") \
    X(21, SEARCH, "search") X(22, ADDRESS, "address") X(23, H1, "h1") X(24, H2, "h2") X(25, H3, "h3") \
    X(26, H4, "h4") X(27, H5, "h5") X(28, H6, "h6") X(29, P, "p") X(30, HR, "hr") X(31, PRE, "pre") \
    X(32, BLOCKQUOTE, "blockquote") X(33, OL, "ol") X(34, UL, "ul") X(35, MENU, "menu") X(36, LI, "li") \
    X(37, DL, "dl") X(38, DT, "dt") X(39, DD, "dd") X(40, FIGURE, "figure") \
    X(41, FIGCAPTION, "figcaption") X(42, DIV, "div") X(43, A, "a") X(44, EM, "em") \
    X(45, STRONG, "strong") X(46, SMALL, "small") X(47, S, "s") X(48, CITE, "cite") X(49, Q, "q") \
    X(50, DFN, "dfn") X(51, ABBR, "abbr") X(52, RUBY, "ruby") X(53, RT, "rt") X(54, RP, "rp") \
    X(55, RB, "rb") X(56, RTC, "rtc") X(57, DATA, "data") X(58, TIME, "time") X(59, CODE, "code") \
    X(60, VAR, "var") X(61, SAMP, "samp") X(62, KBD, "kbd") X(63, SUB, "sub") X(64, SUP, "sup") \
    X(65, I, "i") X(66, B, "b") X(67, U, "u") X(68, MARK, "mark") X(69, BDI, "bdi") X(70, BDO, "bdo") \
    X(71, SPAN, "span") X(72, BR, "br") X(73, WBR, "wbr") X(74, INS, "ins") X(75, DEL, "del") \
    X(76, PICTURE, "picture") X(77, SOURCE, "source") X(78, IMG, "img") X(79, IFRAME, "iframe") \
    X(80, EMBED, "embed") X(81, OBJECT, "object") X(82, PARAM, "param") X(83, VIDEO, "video") \
    X(84, AUDIO, "audio") X(85, TRACK, "track") X(86, MAP, "map") X(87, AREA, "area") \
    X(88, CANVAS, "canvas") X(89, TABLE, "table") X(90, CAPTION, "caption") X(91, COLGROUP, "colgroup") \
    X(92, COL, "col") X(93, TBODY, "tbody") X(94, THEAD, "thead") X(95, TFOOT, "tfoot") X(96, TR, "tr") \
    X(97, TD, "td") X(98, TH, "th") X(99, FORM, "form") X(100, LABEL, "label") X(101, INPUT, "input") \
    X(102, BUTTON, "button") X(103, SELECT, "select") X(104, DATALIST, "datalist") \
    X(105, OPTGROUP, "optgroup") X(106, OPTION, "option") X(107, TEXTAREA, "textarea") \
    X(108, OUTPUT, "output") X(109, PROGRESS, "progress") X(110, METER, "meter") \
    X(111, FIELDSET, "fieldset") X(112, LEGEND, "legend") X(113, SELECTEDCONTENT, "selectedcontent") \
    X(114, DETAILS, "details") X(115, SUMMARY, "summary") X(116, DIALOG, "dialog") \
    X(117, PORTAL, "portal") X(118, ACRONYM, "acronym") X(119, APPLET, "applet") \
    X(120, BASEFONT, "basefont") X(121, BGSOUND, "bgsound") X(122, BIG, "big") X(123, BLINK, "blink") \
    X(124, CENTER, "center") X(125, COMMAND, "command") X(126, CONTENT, "content") X(127, DIR, "dir") \
    X(128, ELEMENT, "element") X(129, FONT, "font") X(130, FRAME, "frame") X(131, FRAMESET, "frameset") \
    X(132, IMAGE, "image") X(133, ISINDEX, "isindex") X(134, KEYGEN, "keygen") \
    X(135, LISTING, "listing") X(136, MARQUEE, "marquee") X(137, MENUITEM, "menuitem") \
    X(138, MULTICOL, "multicol") X(139, NEXTID, "nextid") X(140, NOBR, "nobr") \
    X(141, NOEMBED, "noembed") X(142, NOFRAMES, "noframes") X(143, PLAINTEXT, "plaintext") \
    X(144, SHADOW, "shadow") X(145, SPACER, "spacer") X(146, STRIKE, "strike") X(147, TT, "tt") \
    X(148, XMP, "xmp") X(149, SVG, "svg") X(150, G, "g") X(151, DEFS, "defs") X(152, SYMBOL, "symbol") \
    X(153, USE, "use") X(154, PATH, "path") X(155, RECT, "rect") X(156, CIRCLE, "circle") \
    X(157, ELLIPSE, "ellipse") X(158, LINE, "line") X(159, POLYLINE, "polyline") \
    X(160, POLYGON, "polygon") X(161, TEXT, "text") X(162, TSPAN, "tspan") X(163, TEXTPATH, "textpath") \
    X(164, DESC, "desc") X(165, METADATA, "metadata") X(166, CLIPPATH, "clippath") X(167, MASK, "mask") \
    X(168, PATTERN, "pattern") X(169, MARKER, "marker") X(170, LINEARGRADIENT, "lineargradient") \
    X(171, RADIALGRADIENT, "radialgradient") X(172, STOP, "stop") X(173, FILTER, "filter") \
    X(174, FOREIGNOBJECT, "foreignobject") X(175, ANIMATE, "animate") \
    X(176, ANIMATEMOTION, "animatemotion") X(177, ANIMATETRANSFORM, "animatetransform") \
    X(178, SET, "set") X(179, SWITCH, "switch") X(180, VIEW, "view") X(181, FEBLEND, "feblend") \
    X(182, FECOLORMATRIX, "fecolormatrix") X(183, FECOMPOSITE, "fecomposite") X(184, FEFLOOD, "feflood") \
    X(185, FEGAUSSIANBLUR, "fegaussianblur") X(186, FEIMAGE, "feimage") X(187, FEMERGE, "femerge") \
    X(188, FEMERGENODE, "femergenode") X(189, FEOFFSET, "feoffset") X(190, GLYPH, "glyph") \
    X(191, MPATH, "mpath") X(192, MATH, "math") X(193, MROW, "mrow") X(194, MI, "mi") X(195, MO, "mo") \
    X(196, MN, "mn") X(197, MS, "ms") X(198, MTEXT, "mtext") X(199, MSPACE, "mspace") \
    X(200, MFRAC, "mfrac") X(201, MSQRT, "msqrt") X(202, MROOT, "mroot") X(203, MSTYLE, "mstyle") \
    X(204, MERROR, "merror") X(205, MPADDED, "mpadded") X(206, MPHANTOM, "mphantom") \
    X(207, MFENCED, "mfenced") X(208, MENCLOSE, "menclose") X(209, MSUB, "msub") X(210, MSUP, "msup") \
    X(211, MSUBSUP, "msubsup") X(212, MUNDER, "munder") X(213, MOVER, "mover") \
    X(214, MUNDEROVER, "munderover") X(215, MMULTISCRIPTS, "mmultiscripts") \
    X(216, MPRESCRIPTS, "mprescripts") X(217, NONE, "none") X(218, MTABLE, "mtable") X(219, MTR, "mtr") \
    X(220, MTD, "mtd") X(221, MLABELEDTR, "mlabeledtr") X(222, MACTION, "maction") \
    X(223, SEMANTICS, "semantics") X(224, ANNOTATION, "annotation") \
    X(225, ANNOTATION_XML, "annotation-xml") X(226, MALIGNGROUP, "maligngroup") \
    X(227, MALIGNMARK, "malignmark") X(228, MGLYPH, "mglyph")

#define TROMMEL_ATTR_MAP(X) \
    X(1, ID, "id") X(2, CLASS, "class") X(3, HREF, "href") X(4, SRC, "src") X(5, ALT, "alt") \
    X(6, TITLE, "title") X(7, NAME, "name") X(8, CONTENT, "content") X(9, PROPERTY, "property") \
    X(10, ITEMPROP, "itemprop") X(11, ITEMTYPE, "itemtype") X(12, ITEMSCOPE, "itemscope") \
    X(13, ITEMID, "itemid") X(14, ITEMREF, "itemref") X(15, REL, "rel") X(16, TYPE, "type") \
    X(17, LANG, "lang") X(18, ROLE, "role") X(19, DATETIME, "datetime") X(20, CHARSET, "charset") \
    X(21, HTTP_EQUIV, "http-equiv") X(22, STYLE, "style") X(23, HIDDEN, "hidden") X(24, VALUE, "value") \
    X(25, SRCSET, "srcset") X(26, MEDIA, "media") X(27, HREFLANG, "hreflang") \
    X(28, ARIA_HIDDEN, "aria-hidden") X(29, ARIA_LABEL, "aria-label") \
    X(30, ARIA_LABELLEDBY, "aria-labelledby") X(31, ARIA_DESCRIBEDBY, "aria-describedby") \
    X(32, ARIA_CURRENT, "aria-current") X(33, ARIA_EXPANDED, "aria-expanded") \
    X(34, ARIA_LEVEL, "aria-level") X(35, ARIA_ROLE, "aria-role") X(36, ACTION, "action") \
    X(37, ALIGN, "align") X(38, BGCOLOR, "bgcolor") X(39, BORDER, "border") X(40, CITE, "cite") \
    X(41, COLSPAN, "colspan") X(42, ROWSPAN, "rowspan") X(43, COLS, "cols") X(44, ROWS, "rows") \
    X(45, COLOR, "color") X(46, COORDS, "coords") X(47, DATA, "data") X(48, DIR, "dir") \
    X(49, DISABLED, "disabled") X(50, DOWNLOAD, "download") X(51, FACE, "face") X(52, FOR, "for") \
    X(53, FORM, "form") X(54, FRAME, "frame") X(55, HEIGHT, "height") X(56, WIDTH, "width") \
    X(57, HEADERS, "headers") X(58, SCOPE, "scope") X(59, SIZE, "size") X(60, SIZES, "sizes") \
    X(61, SPAN, "span") X(62, START, "start") X(63, SUMMARY, "summary") X(64, TABINDEX, "tabindex") \
    X(65, TARGET, "target") X(66, VALIGN, "valign") X(67, VSPACE, "vspace") X(68, HSPACE, "hspace") \
    X(69, ABOUT, "about") X(70, DATATYPE, "datatype") X(71, RESOURCE, "resource") \
    X(72, TYPEOF, "typeof") X(73, VOCAB, "vocab") X(74, PREFIX, "prefix") X(75, REV, "rev") \
    X(76, ACCESSKEY, "accesskey") X(77, ASYNC, "async") X(78, DEFER, "defer") \
    X(79, CROSSORIGIN, "crossorigin") X(80, INTEGRITY, "integrity") X(81, NONCE, "nonce") \
    X(82, REFERRERPOLICY, "referrerpolicy") X(83, LOADING, "loading") X(84, DECODING, "decoding") \
    X(85, FETCHPRIORITY, "fetchpriority") X(86, POSTER, "poster") X(87, CONTROLS, "controls") \
    X(88, AUTOPLAY, "autoplay") X(89, LOOP, "loop") X(90, MUTED, "muted") X(91, PRELOAD, "preload") \
    X(92, KIND, "kind") X(93, LABEL, "label") X(94, SRCLANG, "srclang") X(95, SRCDOC, "srcdoc") \
    X(96, SANDBOX, "sandbox") X(97, ALLOW, "allow") X(98, ALLOWFULLSCREEN, "allowfullscreen") \
    X(99, FRAMEBORDER, "frameborder") X(100, SCROLLING, "scrolling") X(101, METHOD, "method") \
    X(102, ENCTYPE, "enctype") X(103, ACCEPT, "accept") X(104, AUTOCOMPLETE, "autocomplete") \
    X(105, PLACEHOLDER, "placeholder") X(106, REQUIRED, "required") X(107, READONLY, "readonly") \
    X(108, CHECKED, "checked") X(109, SELECTED, "selected") X(110, MULTIPLE, "multiple") \
    X(111, MAXLENGTH, "maxlength") X(112, MINLENGTH, "minlength") X(113, MIN, "min") X(114, MAX, "max") \
    X(115, STEP, "step") X(116, PATTERN, "pattern") X(117, OPEN, "open") X(118, REVERSED, "reversed") \
    X(119, CONTENTEDITABLE, "contenteditable") X(120, DRAGGABLE, "draggable") \
    X(121, SPELLCHECK, "spellcheck") X(122, TRANSLATE, "translate") X(123, IS, "is") \
    X(124, SLOT, "slot") X(125, PART, "part") X(126, USEMAP, "usemap") X(127, ISMAP, "ismap") \
    X(128, SHAPE, "shape") X(129, PROFILE, "profile") X(130, VERSION, "version") X(131, XMLNS, "xmlns") \
    X(132, XML_LANG, "xml:lang") X(133, ONCLICK, "onclick") X(134, ONLOAD, "onload") \
    X(135, ONERROR, "onerror") X(136, DATA_SRC, "data-src") X(137, DATA_SRCSET, "data-srcset") \
    X(138, DATA_ORIGINAL, "data-original") X(139, DATA_LAZY_SRC, "data-lazy-src") \
    X(140, DATA_LAZY_SRCSET, "data-lazy-srcset") X(141, DATA_URL, "data-url") \
    X(142, DATA_HREF, "data-href") X(143, DATA_LINK, "data-link") X(144, DATA_TITLE, "data-title") \
    X(145, DATA_DATE, "data-date") X(146, DATA_TIME, "data-time") \
    X(147, DATA_TIMESTAMP, "data-timestamp") X(148, DATA_PUBLISHED, "data-published") \
    X(149, DATA_DATETIME, "data-datetime") X(150, DATA_AUTHOR, "data-author") X(151, DATA_ID, "data-id") \
    X(152, DATA_TYPE, "data-type") X(153, DATA_NAME, "data-name") X(154, DATA_CONTENT, "data-content") \
    X(155, DATA_VALUE, "data-value") X(156, DATA_LANG, "data-lang") \
    X(157, DATA_LANGUAGE, "data-language") X(158, DATA_TEXT, "data-text") \
    X(159, DATA_LABEL, "data-label") X(160, DATA_INDEX, "data-index") X(161, DATA_ROLE, "data-role") \
    X(162, DATA_TESTID, "data-testid") X(163, DATA_TEST, "data-test") \
    X(164, DATA_COMPONENT, "data-component") X(165, DATA_MODULE, "data-module") \
    X(166, DATA_TRACK, "data-track") X(167, DATA_SIZES, "data-sizes") X(168, DATA_IMAGE, "data-image") \
    X(169, DATA_BG, "data-bg") X(170, DATA_CAPTION, "data-caption") X(171, DATA_PRICE, "data-price") \
    X(172, DATA_CURRENCY, "data-currency") X(173, DATA_SKU, "data-sku") \
    X(174, DATA_PRODUCT, "data-product") X(175, DATA_PRODUCT_ID, "data-product-id") \
    X(176, DATA_RATING, "data-rating") X(177, DATA_POST_ID, "data-post-id") \
    X(178, DATA_REACTID, "data-reactid") X(179, DATA_NOSNIPPET, "data-nosnippet") \
    X(180, DATA_HIDDEN, "data-hidden") X(181, DATA_TOGGLE, "data-toggle") \
    X(182, DATA_TARGET, "data-target") X(183, DATA_UTIME, "data-utime") \
    X(184, DATA_PUBDATE, "data-pubdate") X(185, DATA_REPLY, "data-reply") \
    X(186, DATA_COMMENT_ID, "data-comment-id") X(187, DATA_USER, "data-user") \
    X(188, DATA_USERNAME, "data-username") X(189, DATA_SCORE, "data-score") X(190, DATA_MW, "data-mw") \
    X(191, PUBDATE, "pubdate") X(192, LANGUAGE, "language") X(193, VIEWBOX, "viewbox") X(194, D, "d") \
    X(195, FILL, "fill") X(196, STROKE, "stroke") X(197, X, "x") X(198, Y, "y") X(199, POINTS, "points") \
    X(200, TRANSFORM, "transform") X(201, XLINK_HREF, "xlink:href") X(202, ENCODING, "encoding") \
    X(203, DISPLAY, "display")

enum {
    TROMMEL_TAG_UNKNOWN_ = 0,
#define TROMMEL_X_(n, upper, name) TROMMEL_TAG_##upper = n,
    TROMMEL_TAG_MAP(TROMMEL_X_)
#undef TROMMEL_X_
    TROMMEL_TAG_COUNT_ = 229 /* one past the last number; grows */
};

enum {
    TROMMEL_A_UNKNOWN_ = 0,
#define TROMMEL_X_(n, upper, name) TROMMEL_A_##upper = n,
    TROMMEL_ATTR_MAP(TROMMEL_X_)
#undef TROMMEL_X_
    TROMMEL_A_COUNT_ = 204 /* one past the last number; grows */
};
#endif
