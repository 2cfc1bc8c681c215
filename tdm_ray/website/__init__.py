"""The website: leaderboards as a folder of pages; no server, no network, nothing but files."""
