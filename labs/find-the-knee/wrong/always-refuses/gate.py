raise SystemExit("slower: 100 %")
