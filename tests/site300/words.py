"""Words of the site: sentences by a small grammar, and passages in other languages.

All of it was written for this site.  Dice throws the same numbers on every machine and with every Python.
"""

MASK = (1 << 64) - 1


class Dice:
    """splitmix64, begun from a text."""

    def __init__(self, seed):
        self.state = 0
        for byte in seed.encode():
            self.state = (self.state * 31 + byte + 1) & MASK

    def throw(self, sides):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return (z ^ (z >> 31)) % sides

    def pick(self, items):
        return items[self.throw(len(items))]


PEOPLE = """the harbour master|a retired signalman|the baker's daughter|two surveyors|the night porter|an apprentice
the keeper of the archive|a visiting engineer|the ferryman|our correspondent|the schoolteacher|a group of volunteers
the council's clerk|an old glazier|the head gardener|a young carpenter|the station manager|three students
the beekeeper|a marine biologist|the parish nurse|the owner of the mill|a cyclist from the coast|the choir's director
the lock keeper|a stonemason|the post mistress|a botanist|the crane driver|a translator|the bridge inspector
the innkeeper|a maker of clocks|the librarian|a weather observer|the quarry foreman""".replace("\n", "|").split("|")
VERBS = """repaired|measured|described|inherited|painted|photographed|carried|counted|borrowed|catalogued|rebuilt|sold
discovered|inspected|moved|restored|weighed|sketched|replaced|lost|recovered|tested|cleaned|exchanged|abandoned|hid
documented|raised|dismantled|labelled|auctioned|varnished""".replace("\n", "|").split("|")
THINGS = """a brass barometer|the wooden footbridge|forty crates of apples|the old tide tables|a set of copper pipes
the northern sluice|an unfinished map|the bell of the chapel|a cargo of slate|the greenhouse roof|several hundred letters
a mechanical loom|the signal lamps|the orchard wall|a collection of ferns|the turntable|a model of the valley
the well behind the school|seven rowing boats|a printing press|the tower clock|a ledger from the customs house
the drainage channels|a box of glass negatives|the weir|a herd of goats|the stone steps|an iron staircase
the seed store|a cable drum|the weather vane|the lifeboat's engine""".replace("\n", "|").split("|")
PLACES = """in the lower town|beside the canal|at the foot of the quarry|on the eastern pier|behind the railway sheds
above the reservoir|near the salt marsh|in the cellar of the town hall|along the ridge path|at the mouth of the river
under the viaduct|in the market square|on the far bank|between the two villages|at the edge of the forest
in a barn outside the walls|close to the lighthouse|on the second floor of the museum|by the tram depot|in the walled garden
opposite the fish hall|at the crossroads|inside the old brewery|on the common""".replace("\n", "|").split("|")
TIMES = """before the first frost|during the long drought|on a Tuesday in April|after the flood of that year|at low water
when the ferry was late|in the week of the fair|shortly before noon|over three winters|as soon as the road was open
while the tide was turning|long after midnight|in the spring that followed|under a clear sky|between two storms
the day the post came twice|at the end of the season|without telling anyone|for the second time|in less than an hour
""".strip().replace("\n", "|").split("|")
REASONS = """because the insurance would not pay for another year|although the drawings had been missing since the war
so that the children could cross safely|which nobody had thought possible|and wrote down every figure twice
despite the objections of the water board|for a sum that was never made public|and found a second door behind it
while the rest of the street slept|since the timber had begun to rot|as the statutes of the guild required
and was thanked with a basket of pears|though the ground was still frozen|hoping that the rain would hold off
but kept the receipt|with tools lent by the shipyard|to the surprise of the whole valley|and left it at that
until the money ran out|following a method described in an almanac""".replace("\n", "|").split("|")
QUALITIES = """careful|slow|unexpected|costly|quiet|thorough|modest|stubborn|patient|remarkable|temporary|practical|narrow
cheerful|weathered|ordinary|precise|awkward|generous|hurried""".replace("\n", "|").split("|")
MATTERS = """work|decision|journey|repair|agreement|inventory|experiment|correspondence|renovation|harvest|survey|rescue
exhibition|quarrel|restoration|crossing|delivery|rehearsal|negotiation|catalogue""".replace("\n", "|").split("|")


def cap(text):
    return text[0].upper() + text[1:]


def sentence(d):
    who, did, what = d.pick(PEOPLE), d.pick(VERBS), d.pick(THINGS)
    where, when, why = d.pick(PLACES), d.pick(TIMES), d.pick(REASONS)
    form = d.throw(8)
    if form == 0:
        return f"{cap(when)}, {who} {did} {what} {where}."
    if form == 1:
        return f"{cap(who)} {did} {what} {where}, {why}."
    if form == 2:
        return f"It was a {d.pick(QUALITIES)} {d.pick(MATTERS)}: {who} {did} {what}, {why}."
    if form == 3:
        return f"{cap(where)}, {what} had been {did} {when} by {d.pick(PEOPLE)}, {why}."
    if form == 4:
        return f"“Nobody {did} {what} {where} like that,” said {who}, {why}."
    if form == 5:
        return f"The {d.pick(MATTERS)} took {2 + d.throw(40)} days and cost {100 + d.throw(9000)} crowns, {why}."
    if form == 6:
        return f"{cap(who)} and {d.pick(PEOPLE)} {did} {what} {when}; the {d.pick(MATTERS)} was {d.pick(QUALITIES)}."
    return f"What {who} {did} {when} was {what}, {where}, {why}."


def paragraph(d, least=3, most=6):
    return " ".join(sentence(d) for _ in range(least + d.throw(most - least + 1)))


def title(d):
    form, what, matter = d.throw(4), d.pick(THINGS), d.pick(MATTERS)
    if form == 0:
        return f"{cap(d.pick(PEOPLE))} and {what}"
    if form == 1:
        return f"A {d.pick(QUALITIES)} {matter} {d.pick(PLACES)}"
    if form == 2:
        return f"{cap(what)}, {d.pick(VERBS)} at last"
    return f"How {d.pick(PEOPLE)} {d.pick(VERBS)} {what}"


NAMES = ["Ada Lindqvist", "Tomas Okonkwo", "Mira Castellane", "Jon Ferrar", "Edda Marchetti", "Piet van Houten", "Sofia Brandt",
         "Idris Vaughan", "Hanne Solberg", "Luc Perrault", "Nadia Rahmani", "Owen Trask"]

# Passages long enough that a language, and for some an encoding, can be told from them.
PASSAGES = {
    "de": ("Der Hafen im Winter", """Im Winter ist der Hafen still. Die Boote liegen unter grünen Planen, und nur der Wächter geht
jeden Morgen über die Brücke, um die Leinen zu prüfen. Früher fuhren hier täglich größere Schiffe ein, heute kommen sie höchstens
zweimal im Monat.|Für die Bewohner der Altstadt änderte sich vieles, als die Fähre eingestellt wurde. Sie müssen nun außen um die
Bucht fahren, was bei Glätte über eine Stunde dauert. Trotzdem möchte kaum jemand wegziehen.|Im Frühjahr öffnet das Museum wieder.
Dann werden die Modelle gezeigt, die der frühere Hafenmeister während vieler Jahre gebaut hat: Kräne, Schleusen und ein
Leuchtturm, dessen Licht sich wirklich dreht."""),
    "fr": ("Le jardin près de l’écluse", """Le jardin près de l’écluse a été créé il y a plus d’un siècle. Les élèves de l’école voisine y
plantaient des légumes, et chaque été la récolte était vendue au marché. Le règlement, très sévère, interdisait même d’y courir.|
Aujourd’hui, une équipe de bénévoles s’en occupe. Ils ont retrouvé les plans d’origine à la mairie, réparé la fontaine et remis
en état les allées. Là où poussaient des ronces, on voit de nouveau des pêchers et des figuiers.|La visite est gratuite, mais on
demande aux promeneurs de fermer la grille derrière eux : les chèvres du meunier ont déjà mangé deux fois les dernières salades."""),
    "es": ("El molino de la sierra", """El molino de la sierra dejó de funcionar hace cuarenta años. El agua bajaba entonces con fuerza
desde la montaña y movía tres piedras; los campesinos venían con sus mulas desde muy lejos y esperaban su turno bajo los castaños.|
Después llegó la carretera y nadie quiso ya subir a pie. La última dueña, una señora muy enérgica, guardó todas las herramientas
y escribió un pequeño libro sobre el oficio.|Este otoño, los niños del pueblo aprendieron cómo se limpia el canal. Según el
maestro, mañana mismo podría moler otra vez, si alguien comprara el trigo."""),
    "pl": ("Stara latarnia nad zatoką", """Latarnia nad zatoką została zbudowana ponad sto lat temu. Jej światło było widać z bardzo
daleka, dlatego żeglarze nazywali ją pierwszą gwiazdą. Dziś wieża jest zamknięta, ale ogród wokół niej można zwiedzać przez cały
rok.|Każdej wiosny mieszkańcy wsi spotykają się tutaj, żeby posprzątać ścieżki i pomalować ławki. Najstarsi opowiadają, jak dawniej
łodzie wracały we mgle i jak dzwon wskazywał im drogę.|Gmina chciałaby urządzić w środku małe muzeum. Brakuje jeszcze pieniędzy,
więc na razie zbierane są zdjęcia, listy i mapy. Jeśli ktoś ma coś takiego w domu, proszony jest o kontakt z biblioteką."""),
    "cs": ("Most přes řeku", """Starý most přes řeku byl po povodni uzavřen. Odborníci zjistili, že jeden z pilířů je poškozený, a
doporučili, aby po něm nejezdila těžká vozidla. Chodci mohou přecházet dál, ale jen ve dne.|Město nechalo vypracovat dva návrhy. První
počítá s opravou, druhý s úplně novou stavbou o něco výše proti proudu. Většina obyvatel si přeje, aby byl zachován původní vzhled.|
Řemeslníci, kteří přijeli z hor, mezitím očistili sochy a uložili je do stodoly u mlýna. Až bude všechno hotové, vrátí se na své
místo; nejdříve však příští léto."""),
    "hu": ("A régi malom", """A falu végén álló régi malom évekig üresen állt. A tulajdonos külföldre költözött, a kerék elkorhadt, és a
patak medrét is benőtte a nád. Tavaly azonban néhány fiatal úgy döntött, hogy rendbe hozza az épületet.|Először a tetőt javították meg,
azután a gerendákat cserélték ki. A környék legidősebb ácsa segített nekik, aki gyerekkorában még látta működni a szerkezetet. Azt
mondta, hogy a legfontosabb a türelem és a száraz fa.|Jövő ősszel szeretnék először megőrölni a helyben termett búzát. Addig minden
szombaton várják azokat, akik szívesen dolgoznának velük egy kicsit."""),
    "ru": ("Старый маяк", """Старый маяк стоит на северном берегу уже больше ста лет. Раньше его огонь был виден за двадцать миль, и рыбаки
говорили, что без него ни одна лодка не вернулась бы домой осенью. Теперь башня закрыта, но сад вокруг неё открыт для всех.|Каждую весну
жители посёлка приходят сюда, чтобы убрать дорожки и покрасить скамейки. Самые старые рассказывают, как в тумане звонил колокол и как
смотритель поднимался по лестнице с тяжёлым фонарём.|В библиотеке собирают письма и фотографии того времени. Если их наберётся
достаточно, следующим летом в нижнем зале откроют небольшой музей, где можно будет увидеть и старые карты залива."""),
    "uk": ("Ярмарок біля річки", """Щороку наприкінці вересня біля річки відбувається ярмарок. З навколишніх сіл привозять мед, яблука, глиняний
посуд і вироби з дерева. Ще кілька років тому його хотіли перенести до міста, але мешканці не погодилися.|Найбільше людей збирається
біля старого млина, де показують, як раніше мололи борошно. Діти можуть самі покрутити жорна, а потім спекти невеликий хліб.|Увечері
грає музика, і човни з ліхтариками пливуть униз за течією. Хто приїхав здалеку, той ночує в школі або в наметах на лузі."""),
    "ja": ("港の朝", """朝の港はまだ静かで、聞こえるのは波の音とかもめの声だけです。夜のうちに戻ってきた二隻の船が古い岸壁に並び、網はまだぬれていました。
木曜日より前に帰ってくるとは、だれも思っていませんでした。|最初に船を見つけたのは、仕事を終えて家に帰るパン屋の主人でした。彼はパンを買いに来る人みんなにその話をしたので、
昼までには町じゅうの人が、船が何を持ち帰ったのかを知っていました。|それは古い鐘でした。百年前の嵐の夜に海に沈んだ寺の鐘が、漁師の網にかかったのです。来月、町の人たちは小さな
お祭りを開いて、鐘をもとの場所に戻すつもりです。"""),
    "ko": ("강가의 도서관", """강가에 있는 작은 도서관은 원래 세관 건물이었습니다. 항구가 문을 닫은 뒤에 오랫동안 비어 있었지만, 몇 년 전에 마을 사람들이 힘을 모아 고쳤습니다.
지금은 아침마다 학생들이 와서 책을 읽고, 저녁에는 어른들이 모여 이야기를 나눕니다.|이층 창가에서는 다리와 배가 잘 보입니다. 사서는 날씨가 좋은 날이면 창문을 모두 열어 놓고, 아이들에게
옛날 뱃사람들의 이야기를 들려줍니다.|다음 달에는 오래된 사진을 보여 주는 전시회가 열립니다. 집에 그런 사진이 있는 사람은 도서관으로 가져오면 됩니다. 복사한 다음에 바로 돌려준다고 합니다."""),
    "zh": ("河边的旧书店", """河边有一家旧书店，已经开了五十多年。店主是一位退休的老师，他认识每一个常来的客人，也记得他们喜欢什么书。下雨的日子，店里总是坐满了人，大家一边喝茶一边看书。|
去年夏天，河水涨得很高，地下室里的许多书都湿了。邻居们听说以后，马上带着箱子过来帮忙，把书一本一本地搬到楼上，再用风扇慢慢吹干。|现在书店重新开门了。门口放着一张长桌，上面摆着那些无法修好的书，任何人都可以
免费带走。店主说，书只要有人读，就不算真正损坏。"""),
    "zh-tw": ("山上的茶園", """山上的茶園已經有一百多年的歷史。每年春天，採茶的人天還沒亮就出發，沿著石階一步一步走上去，趁著露水還沒乾的時候開始工作。中午以前，新鮮的茶葉就要送到山下的工廠。|
從前這裡沒有公路，所有的東西都要用人挑。老一輩的人說，那時候一個人一天要來回走三趟，晚上回到家連飯都吃不下。現在雖然方便多了，願意留下來的年輕人卻越來越少。|為了讓更多人認識這個地方，
茶園開始舉辦體驗活動。遊客可以自己採茶、製茶，最後帶一小包回家。下個月的名額已經全部額滿。"""),
    "el": ("Το παλιό λιμάνι", """Το παλιό λιμάνι βρίσκεται στη βόρεια πλευρά του νησιού. Παλιότερα έφταναν εδώ καράβια από όλη τη Μεσόγειο και έφερναν
υφάσματα, μπαχαρικά και ξυλεία. Σήμερα έχουν μείνει μόνο λίγες βάρκες και ένα μικρό καφενείο κάτω από τα πλατάνια.|Ο φαροφύλακας, που
ζει μόνος του εδώ και τριάντα χρόνια, κρατάει ημερολόγιο για τον καιρό. Κάθε πρωί γράφει τη θερμοκρασία, τον άνεμο και τα πλοία που
πέρασαν.|Το φθινόπωρο θα επισκευαστεί ο μόλος. Οι κάτοικοι ελπίζουν ότι τότε θα ξαναρχίσει και το δρομολόγιο προς την απέναντι ακτή."""),
}


def passage(lang):
    """Its title and paragraphs, in lines joined again; Chinese and Japanese without the spaces of the line ends."""
    head, text = PASSAGES[lang]
    glue = "" if lang in ("ja", "zh", "zh-tw") else " "
    return head, [glue.join(line.strip() for line in part.strip().split("\n")) for part in text.split("|")]
