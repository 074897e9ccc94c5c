"""Every word the pages show, in Japanese and English."""

from typing import Literal

from search import Notice
from search.results import MAX_QUERY_CHARACTERS

Language = Literal["ja", "en"]
LANGUAGES: dict[Language, str] = {"ja": "日本語", "en": "English"}

# Streamlit reads many of these as Markdown, so a value put in for a {field} must be a number or go through st.html.
WORDS: dict[str, tuple[str, str]] = {
    "tagline": ("意味で探す、手元の文書の検索", "Search your own documents by meaning"),
    "search_page": ("検索", "Search"),
    "similarity_page": ("文の近さ", "Similarity"),
    # Search: what is asked.
    "query": ("探したいこと", "What are you looking for?"),
    "query_placeholder": (
        "例: 私用で会社を休みたい / how do I get my money back",
        "e.g. how do I get my money back / 私用で会社を休みたい",
    ),
    "mode": ("探し方", "Look for"),
    "mode_hybrid": ("意味＋単語", "Meaning + words"),
    "mode_dense": ("意味", "Meaning"),
    "mode_bm25": ("単語", "Words"),
    "mode_help": (
        "意味: 言葉が違っても内容の近い文を探します (dense)。単語: 同じ単語を含む文を探します (BM25)。"
        "意味＋単語: 両方の点数を合わせます (hybrid)。",
        "Meaning: passages about the same thing, even in other words (dense). Words: passages that contain the same "
        "words (BM25). Meaning + words: both scores joined (hybrid).",
    ),
    "dimension": ("次元数", "Dimensions"),
    "dimension_help": (
        "意味を比べるのに使う数の個数です。少ないほど速く、多いほど細かく見分けます。「単語」では使いません。",
        "How many numbers of each vector are compared: fewer are faster, more tell finer differences. Not used for "
        "words alone.",
    ),
    "k": ("件数", "Results"),
    # Search: what is answered.
    "found": ("{n} 件", "{n} results"),
    "found_one": ("{n} 件", "{n} result"),
    "took": ("{ms} ミリ秒", "{ms} ms"),
    "compared": ("{dim} 次元", "{dim} dimensions"),
    "score": ("点数", "Score"),
    "dense_leg": ("意味", "Meaning"),
    "bm25_leg": ("単語", "Words"),
    "cosine": ("コサイン {score}", "cosine {score}"),
    "bm25": ("BM25 {score}", "BM25 {score}"),
    "place": ("{rank} 位", "no. {rank}"),
    "unplaced": ("順位外", "unplaced"),
    "details": ("文書の情報", "About this document"),
    "characters": ("文書内の位置", "Place in the document"),
    "character_range": ("{start}–{end} 文字目", "characters {start}–{end}"),
    "places": ("同じ文のある箇所", "The same passage elsewhere"),
    "more_places": ("ほかに {n} か所", "in {n} more places"),
    "how_scored": ("点数の見方", "How to read the scores"),
    "how_scored_hybrid": (
        "点数は 0 から 1 で、意味の点と単語の点の合計です。帯は内訳を示します。"
        "どちらを重く見るかは、探した言葉がどれだけ文書に出てくるかで決まります。"
        "順位とコサイン・BM25 は、それぞれの探し方だけで見たときのものです。"
        "順位外は、その探し方では上位の候補に入らなかったことを表します。",
        "A score goes from 0 to 1 and is the sum of what meaning and words give; the bar shows the two parts. "
        "Words weigh the more, the more of yours occur in the documents. The place and the cosine or BM25 score are "
        "those of each way of searching on its own; “unplaced” means not among its best candidates.",
    ),
    "how_scored_dense": (
        "点数はコサイン類似度です。1 に近いほど、探した文と意味が近いことを表します。",
        "The score is the cosine similarity: the nearer to 1, the nearer in meaning to what you asked.",
    ),
    "how_scored_bm25": (
        "点数は BM25 です。珍しい単語が多く一致するほど高くなります。上限はなく、帯は 1 位との比を示します。",
        "The score is BM25: the more words match, and the rarer they are, the higher. It has no upper end; the bar is "
        "relative to the first result.",
    ),
    # Search: nothing to show.
    "hint_title": ("文書の中から、意味の近い箇所を探します", "Finds the passages that are about what you ask"),
    "hint": (
        "単語でも文章でも入力できます。言葉づかいが文書と違っていてもかまいません。",
        "Type a few words or a whole question. Your words need not be the words of the document.",
    ),
    "examples": ("たとえば", "For example"),
    "no_hits_title": ("見つかりませんでした", "Nothing found"),
    "no_hits": (
        "別の言い方や、より短い言葉で試してください。「意味」で探すと、同じ単語がない文書も見つかります。",
        "Try other or fewer words. Looking for the meaning also finds documents that use other words.",
    ),
    "no_index_title": ("まだ索引がありません", "There is no index yet"),
    "no_index": (
        "{folder} に索引が見つかりません。文書のフォルダー (CORPUS_DIR) を指定して、次のコマンドで作れます。",
        "No index was found in {folder}. Make one from a folder of documents (CORPUS_DIR) with this command:",
    ),
    "then_reload": ("できあがったら、下のボタンを押してください。", "When it has finished, press the button."),
    "reload": ("もう一度開く", "Try again"),
    "empty_title": ("索引に文書が入っていません", "The index holds no documents"),
    "empty": (
        "{folder} の索引は空です。読める形式の文書を足して、次のコマンドを実行してください。",
        "The index in {folder} is empty. Add documents of a kind that can be read, and run this command:",
    ),
    "error_title": ("うまくいきませんでした", "That did not work"),
    # The sidebar.
    "index": ("索引", "Index"),
    "documents": ("文書", "Documents"),
    "passages": ("箇所", "Passages"),
    "files": ("ファイル", "Files"),
    "model": ("モデル", "Model"),
    "packaged_model": ("付属のモデル", "the packaged one"),
    "stored_dimension": ("次元数", "Dimensions"),
    "folder": ("索引の場所", "Index folder"),
    "corpus": ("文書の場所", "Documents folder"),
    "skipped": ("読めなかったファイル ({n})", "Files left out ({n})"),
    "more": ("ほか {n} 件", "and {n} more"),
    # Similarity.
    "view": ("比べ方", "Compare"),
    "view_rank": ("1 つの文と、いくつかの文", "One with many"),
    "view_matrix": ("文どうし", "All with all"),
    "cut_help": (
        "ベクトルの先頭からいくつの数を使うかです。減らすと近さがどう変わるかを見られます。",
        "How many of each vector's first numbers are used: see what changes when there are fewer.",
    ),
    "one": ("もとの文", "One text"),
    "many": ("比べる文 (1 行に 1 つ)", "Texts to compare it with (one a line)"),
    "all": ("文 (1 行に 1 つ)", "Texts (one a line)"),
    "by_dimension": ("次元数による変化", "By number of dimensions"),
    "cosine_axis": ("コサイン類似度", "Cosine similarity"),
    "numbers": ("数値で見る", "As numbers"),
    "text": ("文", "Text"),
    "first": ("文 A", "Text A"),
    "second": ("文 B", "Text B"),
    "matrix_change": (
        "{full} 次元すべてを使ったときとの差は、平均 {change}",
        "On average {change} away from what all {full} dimensions say",
    ),
    "nothing_to_compare": ("比べる文を入力してください。", "Enter texts to compare."),
    "two_needed": ("文を 2 つ以上入力してください。", "Enter at least two texts."),
    "too_many": (
        "文が多すぎるので、最初の {n} 行だけを比べました。",
        "There are too many texts; only the first {n} were compared.",
    ),
    "too_long": (
        "長すぎる文があるので、先頭の {n} 文字だけを使いました。",
        "A text is too long; only its first {n} characters were used.",
    ),
}

EXAMPLE_QUERIES = (
    "電車が遅れた証拠がほしい",
    "家で働くときのルール",
    "電気代を安くしたい",
    "露天風呂の作法",
    "飛行機で海外に行くと時差ぼけがつらい",
    "what to do about bug bites",
)
"""Questions that the example corpus answers in other words."""

EXAMPLE_ONE = "電車が遅れて遅刻しそうです"
EXAMPLE_MANY = """列車の遅延で会議に間に合わない
My train is delayed and I will miss the meeting
電車の中に傘を忘れました
I left my umbrella at the station
バスで会社に通っています
スープに塩を少し足してください"""
EXAMPLE_ALL = """猫がソファーで眠っている
子猫が長椅子の上で昼寝をしている
A cat is asleep on the sofa
電車が遅れて会議に間に合わない
列車の遅延で打ち合わせに遅刻しそうだ
My train is late and I will miss the meeting
新鮮な野菜でスープを作る
Making soup with fresh vegetables"""

# What `search` says in English, for Japanese readers.
NOTICES: dict[Notice, str] = {
    Notice.EMPTY: "探す言葉がありません。",
    Notice.CUT: f"長すぎるので、先頭の {MAX_QUERY_CHARACTERS} 文字だけを使いました。",
    Notice.DENSE_BLIND: "意味では探せませんでした。モデルの知っている言葉が含まれていません。",
    Notice.BM25_BLIND: "単語では探せませんでした。同じ単語を含む文書がありません。",
}


class Words:
    """The words of one language.

    Example:
        >>> Words("en")("found", n=3)
        '3 results'
    """

    def __init__(self, language: Language) -> None:
        self._place = list(LANGUAGES).index(language)

    def __call__(self, key: str, **values: object) -> str:
        """The words called ``key``, with values put into their {fields}."""
        return WORDS[key][self._place].format(**values)

    def notice(self, notice: Notice) -> str:
        """A notice of a search in this language."""
        return NOTICES[notice] if self._place == 0 else str(notice)
