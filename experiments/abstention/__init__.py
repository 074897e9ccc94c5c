"""How well a search knows that it found nothing, and what its relevances are worth.

Each query of a retrieval task is asked twice: as it is, and with its relevant documents left out of the answer, as if
the index did not hold them. Queries of the other tasks have no answer in the index either. The first kind of
unanswerable query is hard: neighbours of the answer stay, about the same thing and in the same words, and some of them
do answer the query though nobody judged them.

Tasks of translations are retrieval tasks too, in which a sentence is to find the same in the other language: there
meaning has to do without words. BM25 alone is not asked them.
"""
