"""Classes of characters, as they stand between the brackets of a regular expression."""

HIRAGANA = "ぁ-ゖ"
KATAKANA = "ァ-ヺㇰ-ㇿ"
KANJI = "々〆〇\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
JAPANESE = f"{HIRAGANA}{KATAKANA}{KANJI}ゝゞヽヾー"
