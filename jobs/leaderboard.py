"""Leaderboards of a scored folder under `ray job submit`; the options are those of `tdm-ray leaderboard`.

    ray job submit --address http://127.0.0.1:8265 --working-dir jobs -- \
        python leaderboard.py s3://bucket/results --on-ray --format csv --boards 5

On one's own machine: `python jobs/leaderboard.py results`. Those of a store are kept by its nights
(`nightly.py`). """

import sys

from tdm_ray.cli import main

if __name__ == "__main__":
    sys.argv[1:1] = ["leaderboard"]
    main()
