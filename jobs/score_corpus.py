"""Score a corpus under `ray job submit`; the options are those of `tdm-ray score`.

    ray job submit --address http://127.0.0.1:8265 --working-dir jobs -- \\
        python score_corpus.py s3://bucket/papers --taxonomy s3://bucket/TDM_taxonomy.tsv \\
        --out s3://bucket/results

On one's own machine: `python jobs/score_corpus.py papers/ --out out/results`.
"""

import sys

from tdm_ray.cli import main

if __name__ == "__main__":
    sys.argv[1:1] = ["score"]
    main()
