#!/bin/sh
# How large the tree is: non-blank lines of Rust without comments, by crate, product and tests apart, and the
# ten largest files by all their lines. Reads what git tracks, writes to stdout only.
set -eu
cd "$(dirname "$0")/.."

commit=$(git rev-parse --short HEAD)
git diff --quiet HEAD || commit="$commit with changes"
echo "commit $commit"
echo

git ls-files | awk '
    # A file belongs to the crate with the longest directory that it lies in.
    /(^|\/)Cargo\.toml$/ { dir = $0; sub(/\/?Cargo\.toml$/, "", dir); if (dir != "") crates[dir] = 1 }
    /\.rs$/ { files[++count] = $0 }
    END {
        for (n = 1; n <= count; n++) {
            file = files[n]; crate = "?"
            for (dir in crates)
                if (index(file, dir "/") == 1 && (crate == "?" || length(dir) > length(crate))) crate = dir
            tests = (file ~ /(^|\/)tests\// || file ~ /\/tests\.rs$/)
            inner = 0; before = ""
            while ((getline line < file) > 0) {
                # The unit tests of a file are its end.
                if (before == "#[cfg(test)]" && line == "mod tests {") inner = 1
                before = line
                if (line ~ /^[ \t]*$/ || line ~ /^[ \t]*\/\//) continue
                if (tests || inner) test[crate]++; else code[crate]++
            }
            close(file)
        }
        for (dir in crates) printf "1 %s %d %d\n", dir, code[dir], test[dir]
        for (dir in crates) { all += code[dir]; tested += test[dir] }
        printf "2 all %d %d\n", all, tested
    }' | sort | awk '
    BEGIN { printf "%-16s %8s %8s\n", "crate", "code", "tests" }
    { printf "%-16s %8d %8d\n", $2, $3, $4 }'

echo
echo "largest files"
git ls-files '*.rs' '*.proto' '*.md' '*.sh' '*.py' | while read -r file; do
    printf '%6d %s\n' "$(wc -l <"$file")" "$file"
done | sort -rn | head -n 10
