"""Texts of many kinds in a dozen encodings: each is read as it was written, or refused."""

import random
from collections import Counter

from sakuin.index.errors import ReadError
from sakuin.index.readers.encoding import decode

TEXTS = 300
"""In each encoding."""

JAPANESE = """
会議は午後三時から二階の会議室で行います。|昨日の雨で川の水位が上がったそうです。|資料は前日までに共有フォルダへ入れてください。
コピー機のトナーが切れたので、総務に連絡した。|りんごとみかんを３個ずつ買いました！|この機能はバージョン2.1から使えます。
「もう帰ろう」と彼は言った。|請求書|納品書|合計金額 128,000円|東京都千代田区丸の内一丁目|第一章 総則|第二条 会員の資格
株式会社山本工業 営業部|佐藤花子|高橋健一郎|令和六年四月一日|報告書の提出期限|議事録|出席者 鈴木 田中 渡辺|経費精算規程
サーバーの再起動|メンテナンスのお知らせ|あさがおの観察日記|電話番号 03-1234-5678|窓口は平日のみ営業しています。
"""
ENGLISH = """
We don’t deliver on Sundays.|It’s the driver’s day off.|The walrus isn’t for sale.|You’ll need the owner’s key.
“Come back tomorrow,” she said.|The price is £12.50 – a bargain…|The café near the station won’t open before nine.
I’m sure they’re happy with what we’ve done.|© 2024 The Bakers’ Company|Bring a coat: it was −3° last night, wasn’t it?
That’s all there is to say about the mayor’s speech.|He’d rather walk than wait for the bus.
"""
FRENCH = """
Le café est fermé jusqu’à demain matin.|Où est la clé de la maison ?|Les élèves ont reçu leurs cahiers à l’école.
Une forêt très ancienne s’étend derrière la rivière.
Nous avons mangé des crêpes et bu du thé.|Ça ne me dérange pas du tout.
"""
GERMAN = """
Die Bäckerei öffnet früh und schließt am Nachmittag.|Wir müssen das Gerät zurückschicken.
Er wohnt in der Nähe von München.
Über den Wäldern lag dichter Nebel.|Das Mädchen hörte die Vögel singen.|Für die Küche fehlen noch drei Stühle.
"""
POLISH = """
Książka leży na półce obok okna.|Jutro będzie padał śnieg i będzie zimno.|Proszę zamknąć drzwi, bo jest przeciąg.
Dzień dobry, czy mogę prosić o łyżkę?|Dzieci bawią się w ogrodzie za domem.
Wszyscy goście przyszli później, niż myśleliśmy.
"""
CZECH = """
Kniha leží na polici vedle okna.|Zítra bude sněžit a bude velmi chladno.|Prosím zavřete dveře, je tu průvan.
Děti si hrají na zahradě za domem.|Všichni hosté přišli později, než jsme čekali.|Můžete mi říct, kolik to stojí?
"""
RUSSIAN = """
Книга лежит на полке рядом с окном.|Завтра будет снег и очень холодно.|Закройте, пожалуйста, дверь.
Дети играют в саду за домом.|Гости пришли позже, чем мы ожидали.|Поезд отправляется в шесть часов вечера.
"""
SIMPLIFIED = """
我们明天去公园散步，天气很好。|请把门关上，外面很冷。|这本书放在窗户旁边的架子上。|孩子们在房子后面的花园里玩。
客人来得比我们想的晚。|火车晚上六点从北京出发。|会议在三楼的办公室举行。|他说这个问题已经解决了。
"""
TRADITIONAL = """
我們明天去公園散步，天氣很好。|請把門關上，外面很冷。|這本書放在窗戶旁邊的架子上。|孩子們在房子後面的花園裡玩。
客人來得比我們想的晚。|火車晚上六點從臺北出發。|會議在三樓的辦公室舉行。|他說這個問題已經解決了。
"""
KOREAN = """
우리는 내일 공원에 산책하러 갑니다.|문을 닫아 주세요, 밖이 춥습니다.|이 책은 창문 옆 책장에 있습니다.
아이들이 집 뒤 정원에서 놀고 있습니다.|손님들은 생각보다 늦게 왔습니다.|기차는 저녁 여섯 시에 출발합니다.
"""

ENCODINGS = {
    "utf-8": [JAPANESE, ENGLISH, FRENCH, RUSSIAN, KOREAN],
    "utf-16": [JAPANESE, ENGLISH],
    "cp932": [JAPANESE],
    "euc_jp": [JAPANESE],
    "iso2022_jp": [JAPANESE],
    "cp1252": [ENGLISH, FRENCH, GERMAN],
    "mac_roman": [ENGLISH],
    "cp1250": [POLISH, CZECH],
    "cp1251": [RUSSIAN],
    "koi8_r": [RUSSIAN],
    "gb18030": [SIMPLIFIED],
    "cp950": [TRADITIONAL],
    "cp949": [KOREAN],
}
MOST_REFUSED = 0.05


def texts(kinds: list[str], encoding: str) -> list[str]:
    """Of one to six sentences of a language, not all ASCII, that can be written in the encoding."""
    chance = random.Random(encoding)
    made: list[str] = []
    while len(made) < TEXTS:
        sentences = chance.choice(kinds).replace("\n", "|").strip("|").split("|")
        text = chance.choice([" ", "\n", "\r\n"]).join(chance.choices(sentences, k=chance.randint(1, 6)))
        if not text.isascii() and text.encode(encoding, "replace").decode(encoding) == text:
            made.append(text)
    return made


def read_as(data: bytes) -> tuple[str | None, str]:
    try:
        return decode(data)
    except ReadError:
        return None, "refused"


def test_no_text_is_read_in_a_wrong_encoding_without_being_refused() -> None:
    wrong: list[tuple[str, str, str]] = []
    matrix: dict[str, Counter[str]] = {}
    for encoding, kinds in ENCODINGS.items():
        counts = matrix[encoding] = Counter()
        for text in texts(kinds, encoding):
            found, name = read_as(text.encode(encoding))
            counts["right" if found == text else name] += 1
            if found not in (text, None):
                wrong.append((encoding, name, text))
    for encoding, counts in matrix.items():
        print(f"{encoding:12}", dict(counts))
    assert not wrong
    assert all(counts["refused"] <= MOST_REFUSED * TEXTS for counts in matrix.values()), matrix
