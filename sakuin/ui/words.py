"""Every word the pages show, in Japanese and English."""

from typing import Literal

from sakuin.search import Notice
from sakuin.search.results import MAX_QUERY_CHARACTERS

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
        "例: 電車が遅れた証拠がほしい / how do I get my money back",
        "e.g. how do I get my money back / 電車が遅れた証拠がほしい",
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
    # Search: filters.
    "filters": ("絞り込み", "Filters"),
    "filter_number": ("絞り込み {n}", "Filter {n}"),
    "filter_any": ("すべて", "Any"),
    "filter_empty": ("(空)", "(empty)"),
    "filter_folder": ("フォルダー", "Folder"),
    "filter_type": ("ファイルの種類", "File type"),
    "relevance": ("見込み {percent} %", "Likely {percent} %"),
    "relevance_help": (
        "見込みは、その箇所が探したことの答えである確率の目安です。この索引の無関係な箇所の点数と比べて求めるので、"
        "別の検索の結果とも比べられます。",
        "“Likely” estimates the probability that the passage answers what you asked, from how far its scores are from "
        "those of unrelated passages of this index; so it can be compared between searches.",
    ),
    # Search: why a hit was found.
    "legend_shade": ("色", "Shade"),
    "legend_dense": ("濃いほど意味の点に効いた文字", "the darker, the more it adds to the meaning"),
    "legend_mark": ("下線", "Underline"),
    "legend_words": ("探した言葉と同じ単語", "words of your query"),
    "why": ("なぜ {rank} 位?", "Why no. {rank}?"),
    "why_close": ("閉じる", "Close"),
    "why_score": ("点数の内訳", "What the score is made of"),
    "why_fused": (
        "それぞれの点を、候補の中の最低が 0、最高が 1 になるように直し、重みを掛けて足します。",
        "Each score is scaled so that the lowest of all candidates is 0 and the highest 1, then weighted and added.",
    ),
    "why_only_dense": ("点数はコサイン類似度 {score} そのものです。", "The score is the cosine itself, {score}."),
    "why_only_bm25": ("点数は BM25 の値 {score} そのものです。", "The score is the BM25 score itself, {score}."),
    "why_own": ("元の点", "Own score"),
    "why_low": ("最低", "Lowest"),
    "why_high": ("最高", "Highest"),
    "why_scaled": ("0～1 に直した点", "Scaled"),
    "why_weight": ("重み", "Weight"),
    "why_share": ("加わる点", "Adds"),
    "why_dims": ("次元数ごとのコサイン", "Cosine by number of dimensions"),
    "why_dims_text": (
        "ベクトルの先頭からその個数だけを比べたときの近さです。この検索では {dim} 次元を使いました。",
        "How near the two are when only so many numbers of their vectors are compared; this search compared {dim}.",
    ),
    "why_pairs": ("意味: 言葉の組ごとの寄与", "Meaning: what each pair of words adds"),
    "why_pairs_text": (
        "縦が探した言葉、横が文書の言葉です。数字は千分の一単位で、すべて足すとコサイン {total} になります。"
        "赤は近さを減らす組です。索引のベクトルは丸めてあり、表示の {shown} との差は {rounding} です。",
        "Your words down, those of the passage across, in thousandths; all together are the cosine, {total}. Red pairs "
        "take from it. Stored vectors are rounded, which makes {rounding}, so {shown} is shown.",
    ),
    "why_pairs_none": (
        "モデルの知っている言葉がないので、コサインは 0 です。",
        "The cosine is 0: the model knows no word of this passage.",
    ),
    "others": ("ほか {n}", "{n} others"),
    "why_sum": ("合計", "Sum"),
    "why_terms": ("単語: 一致した語", "Words: the terms that match"),
    "why_terms_text": (
        "各行の点は「珍しさ × 飽和 × 倍率」で、合計が BM25 の点です。",
        "Each term scores rarity × saturation × factor; their sum is the BM25 score.",
    ),
    "why_terms_none": ("一致した語はありません。BM25 の点は 0 です。", "No term matches: the BM25 score is 0."),
    "why_term": ("語", "Term"),
    "why_idf": ("珍しさ (idf)", "Rarity (idf)"),
    "why_tf": ("飽和 (tf)", "Saturation (tf)"),
    "why_freq": ("回数", "Times"),
    "why_length": ("長さ / 平均", "Length / mean"),
    "why_boost": ("倍率", "Factor"),
    "why_product": ("点", "Score"),
    "why_all": ("すべての計算を文字で見る", "The whole computation as text"),
    "why_download": ("JSON で保存", "Save as JSON"),
    # Search: the ways of searching side by side.
    "side": ("左右に並べる", "Side by side"),
    "side_help": (
        "意味だけ、単語だけで探した結果を、両方を合わせた結果と並べて見せます。",
        "Shows what meaning and words find on their own, next to the joined result.",
    ),
    "side_text": (
        "▲▼ は、それぞれの探し方での順位から、合わせた結果でいくつ上がり下がりしたかです。",
        "▲ and ▼: how many places a result rises or falls from each way of searching to the joined result.",
    ),
    "side_joined": ("合わせると", "joined:"),
    "side_none": ("この探し方では見つかりませんでした。", "This way of searching finds nothing."),
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
    # Corpus: what the index holds.
    "corpus_page": ("文書", "Corpus"),
    "corpus_none_title": ("まだ索引がありません", "There is no index yet"),
    "corpus_none": (
        "{folder} に索引が見つかりません。下からファイルを追加すると、新しく作られます。",
        "No index was found in {folder}. Files that you add below make a new one.",
    ),
    "corpus_empty": (
        "上の「ファイルを追加」から文書を足せます。",
        "Add documents with “Add files” above.",
    ),
    "repeated": ("重複する箇所", "Repeated passages"),
    "find_document": ("名前や題名で絞り込む", "Find by name or title"),
    "find_document_hint": ("例: 休暇 / .pdf", "e.g. holiday / .pdf"),
    "kind": ("種類", "Type"),
    "all_kinds": ("すべて", "All"),
    "order": ("並べ方", "Order"),
    "order_name": ("名前順", "By name"),
    "order_newest": ("新しく読んだ順", "Last read first"),
    "order_passages": ("箇所の多い順", "Most passages first"),
    "shown": ("{n} 件中 {first}–{last} 件", "{first}–{last} of {n}"),
    "no_documents_title": ("当てはまる文書がありません", "No document matches"),
    "no_documents": ("絞り込みの言葉や種類を変えてみてください。", "Try another part of a name, or all types."),
    "choose_page": ("このページをすべて選ぶ", "Choose all on this page"),
    "choose_one": ("文書 {n} を選ぶ", "Choose document {n}"),
    "open_document": ("開く", "Open"),
    "passage_count": ("{n} 箇所", "{n} passages"),
    "passage_count_one": ("{n} 箇所", "{n} passage"),
    "character_count": ("{n} 文字", "{n} characters"),
    "back_to_list": ("一覧に戻る", "Back to the list"),
    "no_such_document_title": ("その文書は索引にありません", "No such document in the index"),
    "no_such_document": (
        "{uri} は索引にありません。取り除かれたか、名前が変わったのかもしれません。",
        "{uri} is not in the index. It may have been removed or renamed.",
    ),
    "document_name": ("名前", "Name"),
    "document_file": ("ファイル", "File"),
    "document_size": ("大きさ", "Size"),
    "of_document": ("文書に書かれた情報", "What the file says of it"),
    "passages_of": ("箇所への分け方", "How it is cut into passages"),
    "no_heading": ("見出しなし", "no heading"),
    # Corpus: adding.
    "read_only": (
        "このページからは文書の追加や削除ができません (読み取り専用)。",
        "Documents cannot be added or removed on this page: it is read-only.",
    ),
    "add_files": ("ファイルを追加", "Add files"),
    "choose_files": ("追加するファイル", "Files to add"),
    "goes_inside": (
        "ファイルは文書フォルダーの中の {folder} に保存され、次の index build でも索引に残ります。"
        "同じ名前のファイルは上書きせず、名前に (2) などを付けます。",
        "Files are kept in {folder}, inside the folder of documents, so the next index build finds them too. A name "
        "that is taken gets “ (2)”; no file is overwritten.",
    ),
    "goes_beside": (
        "ファイルは索引の隣の {folder} に保存されます。index build をしても索引に残ります。"
        "同じ名前のファイルは上書きせず、名前に (2) などを付けます。",
        "Files are kept in {folder}, beside the index, and stay in the index whatever index build does. A name that is "
        "taken gets “ (2)”; no file is overwritten.",
    ),
    "add_chosen": ("索引に追加する", "Add to the index"),
    "working": ("読んでいます…", "Reading…"),
    "storing": ("索引に書いています…", "Writing to the index…"),
    "added_title": ("{n} 件のファイルを追加しました", "Files added: {n}"),
    "added_none_title": ("追加できたファイルはありません", "No file was added"),
    "added": (
        "{passages} 箇所を新しく読みました。索引には文書が {documents} 件あります。",
        "{passages} new passages were read. The index now holds {documents} documents.",
    ),
    "added_as": ("保存した名前", "Kept as"),
    "added_skipped": ("読めなかったもの", "Left out"),
    # Corpus: removing.
    "remove_chosen": ("取り除く ({n})", "Remove ({n})"),
    "remove_title": ("索引から取り除きますか？", "Remove from the index?"),
    "remove_whole": (
        "同じファイルから読んだほかの {n} 件も取り除く",
        "Also remove {n} more that were read from the same files",
    ),
    "delete_uploads": (
        "アップロードした {n} 件のファイルをディスクからも削除する",
        "Also delete {n} uploaded files from the disk",
    ),
    "kept_in_corpus": (
        "{n} 件のファイルは文書フォルダーに残ります。そのままでは、次の index build で索引に戻ります。",
        "Files that stay in the folder of documents: {n}. The next index build brings them back unless they are "
        "deleted.",
    ),
    "kept_elsewhere": (
        "{n} 件のファイルはディスクに残ります。索引には、もう一度追加するまで戻りません。",
        "Files that stay on the disk: {n}. They stay out of the index until they are added again.",
    ),
    "kept_parts": (
        "{n} 件はファイルの一部です。ファイルはそのまま残り、内容が変わるまで索引には戻りません。",
        "Parts of files: {n}. The files stay as they are, and the parts out of the index until the files change.",
    ),
    "deleted": (
        "{n} 件のファイルはディスクから削除され、元に戻せません。",
        "Files deleted from the disk: {n}. This cannot be undone.",
    ),
    "remove_now": ("取り除く", "Remove"),
    "cancel": ("やめる", "Cancel"),
    "removed_title": ("取り除きました", "Removed"),
    "removed": ("索引には文書が {documents} 件あります。", "The index now holds {documents} documents."),
    # Evaluate.
    "evaluate_page": ("評価", "Evaluate"),
    "evaluate_title": (
        "検索の設定を、正解の分かる質問で比べます",
        "Compare settings on queries whose answers you know",
    ),
    "evaluate_text": (
        "質問と、見つかるべき文書の一覧を読み込むと、設定ごとにどれだけ上位に見つかるかを測ります。",
        "Load queries with the documents that should be found for each, and see how high each setting ranks them.",
    ),
    "evaluate_judged_file": ("正解の付いた質問のファイル (JSON Lines)", "Judged queries (JSON Lines)"),
    "judged_examples": ("例の文書に付属の質問を使う", "Use the queries of the example documents"),
    "judged_form": ("ファイルの形式", "What such a file looks like"),
    "judged_form_text": (
        "1 行に 1 つの質問を書きます。relevant (または relevant_docs) は、見つかるべき文書かファイルの名前の一覧か、"
        "名前と重みの組です。名前は検索結果に出るものと同じです。",
        "One query a line. relevant (or relevant_docs) lists the documents or files that should be found, by the names "
        "that search shows, or gives each a weight.",
    ),
    "judged_loaded": ("{name}: 質問 {n} 件。", "{name}: {n} queries."),
    "judged_left_out": (
        "正解の文書が索引にない {n} 件は使いません。",
        "{n} more are left out, for none of their answers is in the index.",
    ),
    "judged_beyond": (
        "最初の {most} 件だけを使い、残りの {n} 件は使いません。",
        "Only the first {most} are used; {n} more are not.",
    ),
    "evaluate_judged_unknown": ("索引にない正解 ({n})", "Answers that are not in the index ({n})"),
    "settings": ("比べる設定", "Settings to compare"),
    "settings_needed": ("比べる設定を選んでください。", "Choose settings to compare."),
    "base": ("基準", "Base"),
    "cutoff": ("上位 k 件", "First k"),
    "cutoff_help": (
        "上位何件までの文書を見て点数を付けるかです。",
        "How many of the first documents found are looked at.",
    ),
    "evaluate_measure": ("測る", "Measure"),
    "evaluate_measure_first": (
        "「測る」を押すと {n} 回の検索をします。",
        "“Measure” runs {n} searches.",
    ),
    "setting": ("設定", "Setting"),
    "difference": ("基準との差 (nDCG)", "To base (nDCG)"),
    "p_value": ("p", "p"),
    "is_base": ("基準", "base"),
    "figures_how": ("表の見方", "How to read the table"),
    "figures_how_text": (
        "値は 100 倍してあり、[ ] は 95 % 信頼区間 (ブートストラップ) です。nDCG@{k} は正解が上位にあるほど高く、"
        "MRR@{k} は最初の正解の順位の逆数、recall@{k} は上位 {k} 件に入った正解の割合です。"
        "差は質問ごとに比べた nDCG の差で、区間が 0 を含まなければ偶然とは考えにくい差です。"
        "p は無作為化検定によります。",
        "Figures are times 100, with 95 % bootstrap intervals in brackets. nDCG@{k} is the higher the nearer to the "
        "top the answers are; MRR@{k} is one over the place of the first answer; recall@{k} is the share of answers "
        "among the first {k}. The difference is that of nDCG, query by query: where its interval leaves out 0 it is "
        "hardly chance. p is that of a randomisation test.",
    ),
    "save_csv": ("CSV で保存", "Save as CSV"),
    "save_json": ("JSON で保存", "Save as JSON"),
    "by_query": ("質問ごとに見る", "Query by query"),
    "by_query_setting": ("基準と比べる設定", "Compared with the base"),
    "by_query_counts": (
        "良くなった質問 {better} 件、悪くなった質問 {worse} 件、同じ {same} 件。差の大きい順です。",
        "{better} queries better, {worse} worse, {same} the same; the largest differences first.",
    ),
    "by_query_alone": (
        "この設定で見つけにくい質問から順に並べています。",
        "The queries this setting does worst on come first.",
    ),
    "query_column": ("質問", "Query"),
    "first_found": ("最初の正解の順位", "Place of the first answer"),
    "change": ("nDCG の差", "nDCG change"),
    "not_found": ("圏外", "none"),
    "tuning": ("調整したらどうなるか (index tune)", "What tuning would do (index tune)"),
    "tuning_text": (
        "意味と単語の重みをこの質問に合わせたときの効果を、交差検証で見積もります。索引は変更しません。",
        "Estimates, by cross-validation, what fitting the weights of meaning and words to these queries is worth. "
        "Nothing is written.",
    ),
    "tuning_try": ("試す", "Try"),
    "tuning_better": (
        "調整すると nDCG@10 が {change} 変わる見込みです [{low}, {high}]。次のコマンドで索引に使えます。",
        "Tuning is expected to change nDCG@10 by {change} [{low}, {high}]. This command puts it to use:",
    ),
    "tuning_same": (
        "調整による変化は {change} [{low}, {high}] で、偶然と区別できません。index tune も既定のままにします。",
        "Tuning changes nDCG@10 by {change} [{low}, {high}], which may be chance, so index tune keeps the default.",
    ),
    "tuning_chosen": (
        "選ばれる設定: 単語の重み {weight}、覆いの境 {covered}",
        "It would choose: weight of words {weight}, full weight from a coverage of {covered}",
    ),
    "way_dense": ("意味だけ", "Meaning alone"),
    "way_BM25": ("単語だけ", "Words alone"),
    "way_RRF": ("RRF (順位の逆数の和)", "RRF (sum of reciprocal ranks)"),
    "way_fixed": ("固定の重み", "Fixed weight"),
    "way_adaptive": ("既定", "Default"),
    "way_in": ("いまの設定", "In use now"),
    "way_tuned": ("調整後 (交差検証)", "Tuned (cross-validated)"),
    # Similarity.
    "view": ("比べ方", "Compare"),
    "view_rank": ("1 つといくつか", "One with many"),
    "view_matrix": ("文どうし", "All with all"),
    "view_cross": ("A 群と B 群", "A with B"),
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
    "texts_a": ("A の文 (1 行に 1 つ)", "Texts A (one a line)"),
    "texts_b": ("B の文 (1 行に 1 つ)", "Texts B (one a line)"),
    "click_cell": (
        "マスを押すと、その 2 つの文の近さが言葉ごとに下に表示されます。",
        "Press a cell to see below which words bring the two texts together.",
    ),
    "alignment": ("言葉ごとの近さ", "Word by word"),
    "alignment_text": (
        "色の濃い文字ほど、2 つの文を近づけています (コサイン {cosine}、{dim} 次元)。",
        "The darker its shade, the more a word brings the two texts together (cosine {cosine}, {dim} dimensions).",
    ),
    "alignment_table": (
        "縦が文 A、横が文 B の言葉です。各マスはその組がコサインに加える値 (千分の一) で、"
        "端の合計も含め、すべて足すとコサイン {cosine} になります。赤は近さを減らす組です。",
        "Words of text A down, of text B across. A cell is what the pair adds to the cosine, in thousandths; rows, "
        "columns and all together add up to {cosine}. Red pairs take from it.",
    ),
    "alignment_none": (
        "モデルの知っている言葉がない文があるので、コサインは 0 です。",
        "The cosine is 0: there is a text of which the model knows no word.",
    ),
    "not_in_address": (
        "文が長いので、アドレスには入っていません。リンクを開いても、この文は表示されません。",
        "These texts are too long for the address: a link to this page does not bring them along.",
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
    # Dimensions.
    "dimensions_page": ("次元数", "Dimensions"),
    "dimensions_text": (
        "ベクトルは、先頭から何個の数を使うかを選べます。減らすと速く小さくなり、細かな違いは見分けにくくなります。",
        "Of each vector, the first so many numbers can be used by themselves: fewer are faster and smaller, and tell "
        "finer differences less well.",
    ),
    "dimensions_end": (
        "この索引は、モデルの {full} 次元のうち {stored} 次元を保存しているので、{stored} まで比べられます。"
        "すべて保存するには、別の場所に索引を作ります。",
        "This index stores {stored} of the model's {full} dimensions, so the comparison ends there. To store all of "
        "them, build another index:",
    ),
    "one_query": ("1 つの検索で比べる", "For one query"),
    "with_words": ("単語の点も合わせる", "Join with words"),
    "with_words_help": (
        "意味の点だけでなく、単語 (BM25) の点も合わせた順位で比べます。",
        "Compare the ranks of the joined search (hybrid) instead of meaning alone (dense).",
    ),
    "ask_dimensions": (
        "検索を入力すると、次元数によって順位がどう変わるかを表示します。",
        "Enter a query to see how its results move as dimensions are taken away.",
    ),
    "kept_of": ("{full} 次元の上位 {first} 件のうち", "Of the first {first} at {full} dimensions"),
    "kept_at": ("{dim} 次元", "at {dim}"),
    "moves_hint": (
        "線は 1 つの箇所を表し、番号は下の表と同じです。灰色の点線は、{full} 次元では上位に入らない箇所です。",
        "A line is a passage; its number is that of the table below. Dashed and grey: not among the first at {full} "
        "dimensions.",
    ),
    "rank": ("順位", "Rank"),
    "beyond": ("{rank} 位より下", "below no. {rank}"),
    "document": ("文書", "Document"),
    "passage": ("内容", "Passage"),
    "whole_corpus": ("索引全体で比べる", "For the whole index"),
    "whole_corpus_text": (
        "文書の題名と見出しを検索として使い、次元数ごとの速さと大きさ、順位の一致を測ります。"
        "正解付きの検索があれば、質 (nDCG@10) も測れます。",
        "Searches for titles and headings of the documents themselves, to measure time, memory and how far the results "
        "agree at each number of dimensions. With judged queries of your own, also their quality (nDCG@10).",
    ),
    "judged_file": ("正解付きの検索 (JSONL、なくても測れます)", "Judged queries (JSONL, optional)"),
    "judged_help": (
        '1 行に 1 つの検索を書きます: {{"query": "...", "relevant": ["文書の名前", ...]}}',
        'One query a line: {{"query": "...", "relevant": ["document", ...]}}',
    ),
    "measure": ("測る", "Measure"),
    "measure_again": ("もう一度測る", "Measure again"),
    "measuring": ("測っています…", "Measuring…"),
    "agreement": ("上位 10 件の一致", "Same top ten"),
    "quality": ("質 (nDCG@10)", "Quality (nDCG@10)"),
    "milliseconds": ("1 回の検索 (ミリ秒)", "One search (ms)"),
    "megabytes": ("メモリー (MB)", "Memory (MB)"),
    "bytes_a_vector": ("1 箇所 (バイト)", "Bytes a passage"),
    "disk": ("ディスク (MB)", "Disk (MB)"),
    "measured_with": (
        "{asked} 件のうち {queries} 件の検索、{vectors} 箇所で測りました。",
        "Measured with {queries} of {asked} queries, over {vectors} passages.",
    ),
    "agreement_text": (
        "「上位 10 件の一致」は、{full} 次元での上位 10 件のうち、その次元数でも上位 10 件に入る割合です。"
        "結果がどれだけ似ているかを示すもので、検索の質ではありません。",
        "“Same top ten” is the share of the first ten at {full} dimensions that are among the first ten at fewer. It "
        "says how alike the results are, not how good they are.",
    ),
    "size_text": (
        "時間は検索 1 回の中央値で、文の読み出しまで含みます。メモリーとディスクは、"
        "その次元数で索引を作った場合のベクトルの大きさです。大きな索引は短い符号だけをメモリーに置き、"
        "ベクトルはディスクから読みます。",
        "Time is the median of whole searches, texts of the passages included. Memory and disk are those of the "
        "vectors of an index built with so many dimensions; a large index holds only short codes of them in memory.",
    ),
    "judged_unknown": (
        "正解のうち {n} 件は索引にない文書です。検索 {left_out} 件は、正解がすべて索引にないので使いませんでした。",
        "{n} judged names are not in this index; {left_out} queries have none that is and were left out.",
    ),
    # Map.
    "map_page": ("地図", "Map"),
    "map_empty_title": ("地図に示すものがありません", "There is nothing to map"),
    "map_empty": (
        "モデルの知っている言葉を含む箇所が、索引にありません。",
        "The index holds no passage with a word that the model knows.",
    ),
    "map_step_neighbours": ("近い箇所を探しています…", "Finding the neighbours of each passage…"),
    "map_step_positions": ("地図に並べています…", "Placing the passages…"),
    "map_step_labels": ("まとまりに名前を付けています…", "Naming the clusters…"),
    "map_colour": ("色分け", "Colour by"),
    "map_by_cluster": ("まとまり", "Cluster"),
    "map_by_folder": ("フォルダー", "Folder"),
    "map_by_type": ("ファイルの種類", "File type"),
    "map_points": ("点の数", "Points"),
    "map_cluster": ("まとまり {n}", "Cluster {n}"),
    "map_other": ("その他", "Other"),
    "map_hits": ("探した言葉に近い箇所", "Nearest to your query"),
    "map_label": ("{n} 個の箇所の地図", "Map of {n} passages"),
    "map_nearer": ("拡大", "Zoom in"),
    "map_further": ("縮小", "Zoom out"),
    "map_whole": ("全体を表示", "Show all"),
    "map_help": (
        "1 つの点が 1 つの箇所で、内容の近いものは近くにあります。離れた点どうしの距離や向きに意味はありません。"
        "点を押すと本文を表示します。「?」は探した言葉、番号は見つかった順です。",
        "Each point is a passage; those about the same thing are near each other. Large distances and directions mean "
        "nothing. Press a point to read it. “?” is your query, numbers are its results.",
    ),
    "map_sampled": (
        "索引の中から偏りなく選んだ {n} 個を示しています。",
        "This is a random sample of {n} passages of the index.",
    ),
    "map_rough": (
        'この地図は大まかです。より正確な地図には openTSNE が必要です: pip install "sakuin[map]"',
        'This map is rough. A better one needs openTSNE: pip install "sakuin[map]"',
    ),
    "map_gone": ("この箇所は索引から取り除かれました。", "This passage has been removed from the index."),
    "map_no_webgl": (
        "このブラウザーでは WebGL が使えないため、地図を描けません。",
        "The map cannot be drawn: WebGL is not available in this browser.",
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

EXAMPLE_LEFT = """電車が遅れて会議に間に合わない
猫がソファーで眠っている
給料はいつ振り込まれますか
The soup needs a little more salt"""
EXAMPLE_RIGHT = """My train is late and I will miss the meeting
A cat is asleep on the sofa
今月の給与の支払日を知りたい
スープに塩を少し足してください
明日は朝から雨が降るそうだ"""

# What `search` says in English, for Japanese readers.
NOTICES: dict[Notice, str] = {
    Notice.EMPTY: "探す言葉がありません。",
    Notice.CUT: f"長すぎるので、先頭の {MAX_QUERY_CHARACTERS} 文字だけを使いました。",
    Notice.DENSE_BLIND: "意味では探せませんでした。モデルの知っている言葉が含まれていません。",
    Notice.BM25_BLIND: "単語では探せませんでした。同じ単語を含む文書がありません。",
    Notice.BM25_BLIND_IN_FILTER: "単語では探せませんでした。絞り込んだ文書の中に、同じ単語を含むものがありません。",
    Notice.NOTHING_MATCHES_FILTER: "絞り込みの条件に合う文書がありません。",
    Notice.NO_GOOD_MATCH: "よく合う箇所はありません。近いものだけを示しています。",
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
