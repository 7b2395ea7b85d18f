#!/bin/sh
# verify.sh [CASE] [--key ID]: checks a jumpbag case (format jumpbag-log/1) with sh, awk, OpenSSL 3 and sha256sum.
# Use your own copy of this script, not the one that lies in the case. It only reads.
# Exit: 0 what it checks holds; 1 something is wrong, the first bad line or file is named; 2 it could not check.
set -u
LC_ALL=C
export LC_ALL
umask 077

say() { printf '%s\n' "$*" | tr -c '[:print:]\n' '?'; }
stop() { say "cannot check: $*"; exit 2; }

CASE=. PIN=
while [ $# -gt 0 ]; do
  case $1 in
    --key) [ $# -gt 1 ] || stop "--key needs an id"; PIN=$(printf '%s' "$2" | tr 'A-F' 'a-f'); shift 2 ;;
    --help|-h) echo "usage: verify.sh [CASE] [--key ID]"; exit 0 ;;
    *) CASE=$1; shift ;;
  esac
done
case $CASE in /*) ;; *) CASE=./$CASE ;; esac
if [ -n "$PIN" ]; then
  case $PIN in *[!0-9a-f]*) stop "the key id is not hex" ;; esac
  case ${#PIN} in 16|64) ;; *) stop "a key id has 16 or 64 hex digits" ;; esac
fi
for tool in awk openssl sha256sum mktemp od tr sort cmp find xargs; do
  command -v "$tool" >/dev/null 2>&1 || stop "$tool is not installed"
done
case $(openssl version) in "OpenSSL "[3-9]*|"OpenSSL "[1-9][0-9]*) ;; *) stop "OpenSSL 3 or newer is needed" ;; esac

LOG=$CASE/custody/events.jsonl
if [ -h "$CASE/custody" ]; then say "WRONG custody: it is a symbolic link"; exit 1; fi
[ -d "$CASE/custody" ] || stop "there is no custody/ in $CASE"
if [ -h "$LOG" ] || { [ -e "$LOG" ] && [ ! -f "$LOG" ]; }; then
  say "WRONG custody/events.jsonl: it is not a regular file"; exit 1
fi
[ -e "$LOG" ] || { say "WRONG custody/events.jsonl: it is missing"; exit 1; }

T=$(mktemp -d) || stop "no temporary directory"
trap 'rm -rf "$T"' EXIT
trap 'exit 2' HUP INT TERM
mkdir "$T/l" "$T/f" "$T/m" "$T/s" "$T/pem" "$T/raw" "$T/force" || stop "no room in $T"
: > "$T/bad"; : > "$T/unread"; : > "$T/warn"

# wrong LINE TEXT (line 0: a file, named in the text); unread TEXT; warn TEXT
wrong() { printf '%s\t%s\n' "$1" "$2" | tr -c '[:print:]\n\t' '?' >> "$T/bad"; }
unread() { printf '%s\n' "$1" | tr -c '[:print:]\n' '?' >> "$T/unread"; }
warn() { printf '%s\n' "$1" | tr -c '[:print:]\n' '?' >> "$T/warn"; }
hash_of() { sha256sum < "$1" 2>/dev/null | cut -c 1-64; }
# plain FILE NAME: a regular file that can be read, else it says what is wrong
plain() {
  if [ -h "$1" ]; then wrong 0 "$2: it is a symbolic link"; return 1; fi
  if [ ! -e "$1" ]; then wrong 0 "$2: it is missing"; return 1; fi
  if [ ! -f "$1" ]; then wrong 0 "$2: it is not a regular file"; return 1; fi
  if [ ! -r "$1" ]; then unread "$2: it cannot be read"; return 1; fi
}
held() {  # whether a process holds the lock of the log
  inode=$(ls -i "$LOG" | awk '{ print $1; exit }')
  [ -r /proc/locks ] && grep -q "FLOCK .*WRITE .*:$inode 0 EOF" /proc/locks
}

# ---- the log, cut into lines -------------------------------------------------------------------------------
LIVE=no; held && LIVE=yes
cat "$LOG" > "$T/log" 2>/dev/null || stop "custody/events.jsonl cannot be read"
held && LIVE=yes
LINES_=$(tr -dc '\n' < "$T/log" | wc -c | tr -d ' ')
if [ -s "$T/log" ] && [ "$(tail -c 1 "$T/log" | od -An -tx1 | tr -d ' \n')" != 0a ]; then
  [ "$LIVE" = yes ] || wrong $((LINES_ + 1)) "the log ends without a line feed"
fi
# awk never sees a NUL: such a line is no event anyway, and its hash is taken from the log itself.
tr '\000' '\001' < "$T/log" > "$T/clean"
awk -v dir="$T/l/" -v n="$LINES_" '
  NR > n { exit }
  { print $0 > (dir NR); close(dir NR); if (index($0, "\001")) print NR, at + 0, length($0) + 1; at += length($0) + 1 }
' "$T/clean" > "$T/nuls" || stop "awk failed"
while read -r number at size; do
  tail -c "+$((at + 1))" "$T/log" | head -c "$size" > "$T/l/$number"
done < "$T/nuls"

# ---- grammar and RFC 8785 of every line, and its members ---------------------------------------------------
# index: line, ok or why not, op, phase, params.key.id, params.key.pub, signatures k:v,k:v
# members: line, path (its parts divided by \001), value as it stands
awk -v dir="$T/" -v n="$LINES_" '
  function hex(s, size) { return length(s) == size && s !~ /[^0-9a-f]/ }
  function fail(why) { if (bad == "") bad = why; return 0 }
  function signatures(s,   k, v) {
    sigs = ""
    split("", seen)
    while (1) {
      if (substr(s, 1, 6) != "{\"k\":\"" || substr(s, 23, 7) != "\",\"v\":\"" || substr(s, 118, 2) != "\"}") return 0
      k = substr(s, 7, 16); v = substr(s, 30, 88)
      if (!hex(k, 16) || (k in seen) || v !~ /^[A-Za-z0-9+\/]*[AQgw]==$/) return 0
      seen[k] = 1
      sigs = sigs (sigs == "" ? "" : ",") k ":" v
      s = substr(s, 120)
      if (s == "]}") return 1
      if (substr(s, 1, 1) != ",") return 0
      s = substr(s, 2)
    }
  }
  function text_end(s,   at, c) {  # length of the JSON string at the start of s, 0 if it is none
    at = 2
    while (match(substr(s, at), /["\\]/)) {
      at += RSTART - 1
      if (substr(s, at, 1) == "\"") return at
      c = substr(s, at + 1, 1)
      if (index("\"\\bfnrt", c) && c != "") { at += 2; continue }
      if (substr(s, at + 1, 5) ~ /^u00(0[0-7bef]|1[0-9a-f])$/) { at += 6; continue }
      return 0
    }
    return 0
  }
  function number(s) {
    if (s !~ /^(0|-?[1-9][0-9]*)$/) return 0
    sub(/^-/, "", s)
    return length(s) < 16 || (length(s) == 16 && ("x" s) <= "x9007199254740991")
  }
  function later(a, b) { return (a b) ~ /[\\\356-\377]/ ? a != b : ("x" a) > ("x" b) }
  function keep(path, value,   root) {
    root = path; sub(/\001.*/, "", root)
    if (root in wanted) printf "%s\t%s\t%s\n", NR, path, value > (dir "members")
    got[path] = value
  }
  # Reads s; frames of open objects and lists are kept on a stack, paths in path[depth].
  function parse(s,   depth, want, c, size, token, top) {
    depth = 0; want = "value"; path[0] = ""; bad = ""; split("", got)
    while (1) {
      if (want == "end") return s == "" ? 1 : fail("more than one value")
      c = substr(s, 1, 1)
      if (c == "") return fail("cut short")
      if (want == "name" || want == "first name") {
        if (c == "}" && want == "first name") { s = substr(s, 2); depth--; want = depth ? "next" : "end"; continue }
        if (c != "\"" || !(size = text_end(s))) return fail("no name")
        token = substr(s, 2, size - 2)
        if (want == "name" && !later(token, name[depth])) return fail("names out of order")
        name[depth] = token
        if (substr(s, size + 1, 1) != ":") return fail("no colon")
        s = substr(s, size + 2)
        path[depth] = (depth > 1 ? path[depth - 1] "\001" : "") token
        want = "value"
        continue
      }
      if (want == "next") {
        s = substr(s, 2)
        if (c == "," && kind[depth] == "{") { want = "name"; continue }
        if (c == "," && kind[depth] == "[") { count[depth]++; want = "value" }
        else if ((c == "}" && kind[depth] == "{") || (c == "]" && kind[depth] == "[")) { depth--; want = depth ? "next" : "end"; continue }
        else return fail("no comma")
      }
      if (want == "first item") {
        if (c == "]") { s = substr(s, 2); depth--; want = depth ? "next" : "end"; continue }
        want = "value"
      }
      if (depth && kind[depth] == "[") path[depth] = path[depth - 1] "\001" count[depth]
      c = substr(s, 1, 1)
      if (c == "{" || c == "[") {
        if (depth) keep(path[depth], c)
        if (++depth > 100) return fail("nested too deep")
        kind[depth] = c; count[depth] = 0; s = substr(s, 2)
        want = c == "{" ? "first name" : "first item"
        if (depth == 1 && c == "[") list = 1
        continue
      }
      if (c == "\"") { if (!(size = text_end(s))) return fail("a broken text"); token = substr(s, 2, size - 2); top = "\"" token }
      else {
        size = match(s, /[],}]/) ? RSTART - 1 : length(s)
        token = substr(s, 1, size); top = token
        if (token != "true" && token != "false" && token != "null" && !number(token)) return fail("no integer")
      }
      s = substr(s, size + 1)
      if (depth) keep(path[depth], top)
      want = depth ? "next" : "end"
    }
  }
  function plain_text(p) { return substr(got[p], 1, 1) == "\"" ? substr(got[p], 2) : "" }
  function shown(s, pattern) { return s ~ pattern ? s : "-" }
  BEGIN {
    split("v log seq prev ts mono_ns boot_id clk op phase corr actor host tool summary item params digests outcome", w, " ")
    for (i in w) wanted[w[i]] = 1
    printf "" > (dir "members")
    printf "" > (dir "wide")
  }
  NR > n { exit }
  {
    why = "ok"; cut = 0; line = $0; list = 0
    if (line == "") why = "empty"
    else if (index(line, "\001") || substr(line, 1, 5) != "{\"b\":") why = "grammar"
    else {
      # The last cut is looked for from the end: signatures have a fixed length.
      for (sized = 127; sized <= length(line) && !cut; sized += 120)
        if (substr(line, length(line) - sized + 1, 6) == ",\"s\":[") cut = length(line) - sized + 1
      if (!cut || !signatures(substr(line, cut + 6))) why = "grammar"
      else {
        body = substr(line, 6, cut - 6)
        if (body ~ /[\001-\037]/ || !parse(body)) why = "canonical"
      }
    }
    if (why != "ok") { print NR "\t" why "\t-\t-\t-\t-\t-"; next }
    if (list || substr(body, 1, 1) != "{") split("", got)
    print "jumpbag-event-v1" > (dir "m/" NR)
    ORS = ""; print body > (dir "m/" NR); ORS = "\n"
    close(dir "m/" NR)
    if (body ~ /[\200-\377]/) print NR > (dir "wide")
    print NR "\tok\t" shown(plain_text("op"), "^[a-z][a-z0-9_-]*[.][a-z][a-z0-9_-]*$") "\t" \
      shown(plain_text("phase"), "^(fact|intent|result|failed|abandoned)$") "\t" \
      shown(plain_text("params\001key\001id"), "^[0-9a-f]+$") "\t" \
      shown(plain_text("params\001key\001pub"), "^[A-Za-z0-9+/]+=$") "\t" sigs
  }
' "$T/clean" > "$T/index" || stop "awk failed"

# ---- signatures, in order: which keys are in force depends on the lines before ------------------------------
wide=' '
if command -v iconv >/dev/null 2>&1; then
  while read -r number; do
    iconv -f UTF-8 -t UTF-8 < "$T/l/$number" > /dev/null 2>&1 || wide="$wide$number "
  done < "$T/wide"
fi
# introduce ID PUB: write the key where openssl finds it; fails if the id is not that of the key
introduce() {
  [ ${#1} -eq 16 ] && [ ${#2} -eq 44 ] || return 1
  printf '%s' "$2" | openssl base64 -d -A > "$T/raw/$1.new" 2>/dev/null
  [ "$(wc -c < "$T/raw/$1.new" | tr -d ' ')" = 32 ] && [ "$(hash_of "$T/raw/$1.new" | cut -c 1-16)" = "$1" ] || return 1
  [ "$(openssl base64 -A < "$T/raw/$1.new")" = "$2" ] || return 1
  mv "$T/raw/$1.new" "$T/raw/$1"
  # 12 bytes of DER say "an Ed25519 public key"; the base64 of them ends where that of the key begins
  printf -- '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA%s\n-----END PUBLIC KEY-----\n' "$2" > "$T/pem/$1"
}
LOGKEY='' FIRSTKEY='' OPENED=no
: > "$T/class"; : > "$T/periods"
tab=$(printf '\t')
while IFS=$tab read -r number state op phase keyid pub sigs; do
  case $wide in *" $number "*) state=canonical ;; esac
  if [ "$state" != ok ]; then printf '%s\tF\t%s\n' "$number" "$state" >> "$T/class"; continue; fi
  own=''
  if [ $OPENED = no ] && [ "$op" = case.open ] && introduce "$keyid" "$pub"; then own=$keyid; fi
  false_=no outsider='' first='' signers=0 rest=$sigs
  while [ -n "$rest" ]; do
    one=${rest%%,*}
    case $rest in *,*) rest=${rest#*,} ;; *) rest='' ;; esac
    k=${one%%:*} v=${one#*:} signers=$((signers + 1))
    [ -n "$first" ] || first=$k
    if [ -e "$T/force/$k" ] || [ "$k" = "$own" ]; then
      printf '%s' "$v" | openssl base64 -d -A > "$T/s/one" 2>/dev/null
      openssl pkeyutl -verify -pubin -inkey "$T/pem/$k" -rawin -in "$T/m/$number" -sigfile "$T/s/one" \
        > /dev/null 2>&1 || false_=yes
    else
      outsider=$k
    fi
  done
  if [ $false_ = yes ]; then printf '%s\tF\tsignature\n' "$number" >> "$T/class"; continue; fi
  printf '%s\tE\t-\n' "$number" >> "$T/class"
  [ -z "$outsider" ] || wrong "$number" "signed by the key $outsider, which is not in force"
  if [ $OPENED = no ]; then
    OPENED=yes
    if [ -n "$own" ]; then
      LOGKEY=$own FIRSTKEY=$own; : > "$T/force/$own"; printf '%s\t%s\n' "$number" "$own" >> "$T/periods"
      [ "$signers" = 1 ] || wrong "$number" "event 1 is not signed by its own key alone"
    else
      wrong "$number" "event 1 is no case.open that introduces its key"
    fi
    continue
  fi
  [ "$first" = "$LOGKEY" ] || wrong "$number" "the first signature is not that of the log key"
  if [ "$phase" = fact ] && { [ "$op" = key.add ] || [ "$op" = key.rotate ]; }; then
    if introduce "$keyid" "$pub"; then
      : > "$T/force/$keyid"
      if [ "$op" = key.rotate ]; then
        [ "$signers" = 1 ] || wrong "$number" "key.rotate is not signed by the old log key alone"
        [ "$LOGKEY" = "$keyid" ] || rm -f "$T/force/$LOGKEY"
        LOGKEY=$keyid; printf '%s\t%s\n' "$number" "$keyid" >> "$T/periods"
      fi
    else
      wrong "$number" "the key is malformed"
    fi
  fi
done < "$T/index"
FINGERPRINT=''
[ -z "$FIRSTKEY" ] || FINGERPRINT=$(hash_of "$T/raw/$FIRSTKEY")
if [ -n "$PIN" ]; then
  case $FINGERPRINT in "$PIN"*) ;; *) wrong 1 "the log begins under the key ${FIRSTKEY:-?}, not under the one given" ;; esac
fi

# ---- hashes of lines, of leaves, of fragments ---------------------------------------------------------------
numbers() { awk -v n="$LINES_" 'BEGIN { for (i = 1; i <= n; i++) print i }'; }
: > "$T/sha"; : > "$T/leaf"; : > "$T/frag"
if [ "$LINES_" -gt 0 ]; then
  (cd "$T/l" && numbers | xargs sha256sum) > "$T/sha" || stop "sha256sum failed"
  printf '\000' > "$T/z"
  numbers | while read -r number; do cat "$T/z" "$T/l/$number" > "$T/f/$number"; done
  (cd "$T/f" && numbers | xargs sha256sum) > "$T/leaf" || stop "sha256sum failed"
fi
while IFS=$tab read -r number class why; do
  [ "$class" = F ] || continue
  size=$(($(wc -c < "$T/l/$number") - 1))
  printf '%s\t%s\t%s\n' "$number" "$size" "$(head -c "$size" "$T/l/$number" | sha256sum | cut -c 1-64)" >> "$T/frag"
done < "$T/class"
ORIGINLOG=$(awk -F '\t' '
  FILENAME == ARGV[1] { if ($2 == "E" && !first) first = $1; next }
  $1 == first && $2 == "log" { print substr($3, 2); exit }' "$T/class" "$T/members" | tr -dc '0-9a-f-' | head -c 64)
ORIGIN=$(printf 'jumpbag-log/1\n%s\n' "$ORIGINLOG" | sha256sum | cut -c 1-64)

# ---- the chain and the rules that lines alone can show ------------------------------------------------------
awk -F '\t' -v dir="$T/" -v n="$LINES_" -v origin="$ORIGIN" -v log_id="$ORIGINLOG" -v live="$LIVE" '
  function text(p) { p = N "\t" p; return (p in M) && substr(M[p], 1, 1) == "\"" ? substr(M[p], 2) : "" }
  function raw(p) { p = N "\t" p; return (p in M) ? M[p] : "" }
  function wrong(line, why) { print line "\t" why > (dir "bad2") }
  function hex64(s) { return length(s) == 64 && s !~ /[^0-9a-f]/ }
  function decimal(s) { return s ~ /^(0|[1-9][0-9]*)$/ }
  function declared(   i, p) {
    for (i = 1; i <= pending; i++) {
      p = "params\001fragments\001" (i - 1) "\001"
      if (raw(p "line") != P[i] "" || text(p "bytes") != fsize[P[i]] "" || text(p "sha256") != fsha[P[i]]) return 0
    }
    return raw("params\001fragments") == "[" && raw("params\001fragments\001" pending) == ""
  }
  function undeclared(   i) {
    for (i = 1; i <= pending; i++) wrong(P[i], "the line is no event (" why[P[i]] "), and the next event does not declare it")
  }
  FILENAME == ARGV[1] { class[$1] = $2; why[$1] = $3; next }
  FILENAME == ARGV[2] { M[$1 "\t" $2] = $3; next }
  FILENAME == ARGV[3] { split($0, part, "  "); sha[part[2] + 0] = part[1]; next }
  FILENAME == ARGV[4] { fsize[$1] = $2; fsha[$1] = $3; next }
  END {
    printf "" > (dir "bad2"); printf "" > (dir "points"); printf "" > (dir "seals"); printf "" > (dir "facts")
    required = split("v log seq prev ts mono_ns boot_id clk op phase corr actor host tool summary", need, " ")
    seq = 0; last = ""; pending = 0; first = 1; since = 0; owed = 0; running = 0; lastsize = 0; lastpoint = 0; events = 0
    for (N = 1; N <= n; N++) {
      if (class[N] == "F") { P[++pending] = N; last = sha[N]; continue }
      events++
      op = text("op"); phase = text("phase"); corr = text("corr"); item = text("item")
      for (i = 1; i <= required; i++) if (raw(need[i]) == "") { wrong(N, need[i] " is missing"); break }
      if (raw("seq") != seq + 1 "") wrong(N, "seq is not " seq + 1)
      seq = raw("seq") ~ /^[0-9]+$/ ? raw("seq") + 0 : seq + 1
      if (text("log") != log_id) wrong(N, "log is not the id of this log")
      if (text("prev") != (first ? origin : last)) wrong(N, "prev is not the hash of what stands before")
      if (!first) {
        if (op == "log.recovered") { if (!declared()) wrong(N, "log.recovered does not declare exactly the fragments before it") }
        else undeclared()
        pending = 0
      }
      if ((op == "case.open") != first) wrong(N, first ? "event 1 is not case.open" : "a second case.open")
      if (op == "case.open" && first) {
        c = text("params\001case"); t = text("params\001case_toml_sha256")
        if (c !~ /^[A-Za-z0-9][A-Za-z0-9._-]*$/ || length(c) > 64) { wrong(N, "params.case is no case id"); c = "" }
        if (!hex64(t)) { wrong(N, "params.case_toml_sha256 is no hash"); t = "" }
        casename = c; toml = t
      }
      if (op == "config.change") {
        t = text("params\001case_toml_sha256")
        if (hex64(t)) toml = t; else wrong(N, "params.case_toml_sha256 is no hash")
      }
      first = 0
      # intents and outcomes
      if (phase == "result" || phase == "failed" || phase == "abandoned") {
        if (!(corr in open)) wrong(N, "an outcome without an open intent of its corr")
        else if (openop[corr] != op) wrong(N, "an outcome with the corr of another op")
        else { delete open[corr]; delete openitem[corr] }
      } else {
        if (corr in used) wrong(N, "corr is that of an earlier event")
        used[corr] = 1
        if (phase == "intent") { open[corr] = N; openop[corr] = op; openitem[corr] = item }
      }
      # checkpoints
      if (op != "log.recovered") {
        if (owed) {
          if (op == "agent.start") { restarted = 1; recovered = 0 }
          else if (op == "agent.recover") { restarted = 1; recovered = 1 }
          else {
            if (op != "log.checkpoint" || (restarted && !recovered)) wrong(N, "line " owed " is not followed by its checkpoint")
            owed = 0
          }
        }
        if (op == "log.checkpoint") {
          size = raw("params\001size"); root = text("params\001root"); note = text("params\001note_sha256")
          if (size !~ /^[1-9][0-9]*$/ || length(size) > 15 || root !~ /^[A-Za-z0-9+\/]*[AEIMQUYcgkosw048]=$/ || length(root) != 44 || !hex64(note))
            wrong(N, "a malformed log.checkpoint")
          else {
            size += 0
            if (size >= N) wrong(N, "a checkpoint of more lines than stand before it")
            else print N "\t" size "\t" root "\t" note > (dir "points")
            if (size <= lastsize || size < lastpoint) wrong(N, "a checkpoint that does not cover the last one")
            lastsize = size; lastpoint = N
          }
          since = 0
        } else {
          if (++since == 51) wrong(N, "more than 50 events without a checkpoint")
          if (op == "acquisition.finish" || op == "acquisition.cancel" || op == "custody.offer" || op == "custody.accept" || op == "agent.stop" || \
              (op == "evidence.export" && phase != "intent" && phase != "fact")) { owed = N; restarted = 0; recovered = 0 }
        }
      }
      if (op == "agent.start" || op == "agent.recover") running = 1
      if (op == "agent.stop") running = 0
      if (op == "case.close") { closed = N; for (x in open) { wrong(N, "the intent of line " open[x] " is open at case.close"); break } }
      if (op == "evidence.seal" && phase == "result") {
        split("", D)
        for (i = 0; raw("digests\001" i) == "{"; i++) {
          p = "digests\001" i "\001"; of = text(p "of")
          if ((of in D) || text(p "alg") != "sha256" || text(p "stage") != "rest" || !hex64(text(p "hex")) || !decimal(text(p "bytes"))) of = "bad"
          D[of] = text(p "hex") "\t" text(p "bytes")
        }
        image = ("data/disk.raw" in D); blocks = ("blocks.tsv" in D)
        if (item !~ /^E-[0-9][0-9][0-9][0-9]+$/ || !("tagmanifest-sha256.txt" in D) || image != blocks || i != 1 + 2 * image)
          wrong(N, "a malformed seal")
        else if (item in sealed) wrong(N, item " is sealed a second time")
        else {
          for (x in openitem) if (openitem[x] == item) { wrong(N, item " is sealed while the intent of line " open[x] " is open"); break }
          sealed[item] = N
          print item "\t" N "\t" D["tagmanifest-sha256.txt"] "\t" (image ? D["data/disk.raw"] "\t" D["blocks.tsv"] : "-\t-\t-\t-") > (dir "seals")
        }
      }
      last = sha[N]
    }
    undeclared()
    if (first) wrong(1, "the log has no case.open event")
    if (owed && live != "yes") {
      if (running) print "line " owed " is not followed by its checkpoint: the log ends in a crash" > (dir "warn2")
      else wrong(owed + 1, "line " owed " is not followed by its checkpoint")
    }
    sealing = ""
    for (x in open) { opened++; if (openop[x] == "evidence.seal") sealing = sealing " " openitem[x] " " }
    gsub(/[^E0-9 -]/, "", sealing)
    print (casename == "" ? "-" : casename) "\t" (toml == "" ? "-" : toml) "\t" events "\t" closed + 0 "\t" opened + 0 "\t" (sealing == "" ? "-" : sealing) > (dir "facts")
  }
' "$T/class" "$T/members" "$T/sha" "$T/frag" || stop "awk failed"
tr -c '[:print:]\n\t' '?' < "$T/bad2" >> "$T/bad"
[ ! -e "$T/warn2" ] || cat "$T/warn2" >> "$T/warn"
IFS=$tab read -r CASEID TOML EVENTS CLOSED OPENINTENTS SEALING < "$T/facts"

# ---- RFC 6962 roots at the sizes that events and notes name -------------------------------------------------
: > "$T/notes"
for path in "$CASE/custody/checkpoints"/* "$CASE/custody/checkpoints"/.[!.]* "$CASE/custody/checkpoints"/..?*; do
  [ -e "$path" ] || [ -h "$path" ] || continue
  name=${path##*/}
  case $name in *.tmp) if [ -f "$path" ] && [ ! -h "$path" ]; then continue; fi ;; esac
  size=${name%.note}
  case $name in *.note) ;; *) size=x ;; esac
  case $size in ''|0*|*[!0-9]*) wrong 0 "custody/checkpoints/$name: an unknown file" ;; *) echo "$size" >> "$T/notes" ;; esac
done
awk '
  function octal(h,   i, o, v) {
    o = ""
    for (i = 1; i < length(h); i += 2) {
      v = (index("0123456789abcdef", substr(h, i, 1)) - 1) * 16 + index("0123456789abcdef", substr(h, i + 1, 1)) - 1
      o = o "\\" int(v / 64) int(v % 64 / 8) v % 8
    }
    return o
  }
  function node(left, right,   run, out) {
    run = "printf \"" octal("01" left right) "\" | sha256sum"
    run | getline out
    close(run)
    return substr(out, 1, 64)
  }
  FILENAME == ARGV[1] { wanted[$2] = 1; next }
  FILENAME == ARGV[2] { wanted[$1] = 1; next }
  {
    h = $1; size++; height = 0
    while (top > 0 && tall[top] == height) { h = node(peak[top], h); top--; height++ }
    peak[++top] = h; tall[top] = height
    if (size in wanted) {
      root = peak[top]
      for (i = top - 1; i >= 1; i--) root = node(peak[i], root)
      print size, root
    }
  }
' "$T/points" "$T/notes" "$T/leaf" > "$T/roots" || stop "awk failed"

# note SIZE KEYID: whether the note of that size is exactly what that log key signs over that root; else WHY
note() {
  WHY='' note_file=$CASE/custody/checkpoints/$1.note
  note_bytes=$(awk -v size="$1" '$1 == size { print $2; exit }' "$T/roots")
  [ ${#note_bytes} -eq 64 ] || { WHY="its root cannot be made"; return 1; }
  # shellcheck disable=SC2059  # the format is made of octal escapes alone
  note_root=$(printf "$(awk -v h="$note_bytes" 'BEGIN { for (i = 1; i < 64; i += 2) { v = (index("0123456789abcdef", substr(h, i, 1)) - 1) * 16 + index("0123456789abcdef", substr(h, i + 1, 1)) - 1; printf "\\%d%d%d", int(v / 64), int(v % 64 / 8), v % 8 } }')" | openssl base64 -A)
  note_origin="jumpbag/$CASEID/$ORIGINLOG"
  printf '%s\n%s\n%s\n' "$note_origin" "$1" "$note_root" > "$T/text"
  note_sum=$(tr '\000' '\001' < "$note_file" | awk 'NR == 5 { print $3; exit }')
  case $note_sum in ''|*[!A-Za-z0-9+/=]*) WHY="it does not have the form of a checkpoint"; return 1 ;; esac
  { cat "$T/text"; printf '\n\342\200\224 %s %s\n' "$note_origin" "$note_sum"; } > "$T/note"
  cmp -s "$T/note" "$note_file" || { WHY="it is not a checkpoint of the first $1 lines"; return 1; }
  printf '%s' "$note_sum" | openssl base64 -d -A > "$T/payload" 2>/dev/null
  [ "$(openssl base64 -A < "$T/payload")" = "$note_sum" ] && [ "$(wc -c < "$T/payload" | tr -d ' ')" = 68 ] || { WHY="its signature is malformed"; return 1; }
  note_hint=$({ printf '%s\n\001' "$note_origin"; cat "$T/raw/$2"; } | sha256sum | cut -c 1-8)
  [ "$(head -c 4 "$T/payload" | od -An -tx1 | tr -d ' \n')" = "$note_hint" ] || { WHY="it is not signed by the log key"; return 1; }
  tail -c 64 "$T/payload" > "$T/s/note"
  openssl pkeyutl -verify -pubin -inkey "$T/pem/$2" -rawin -in "$T/text" -sigfile "$T/s/note" > /dev/null 2>&1 || {
    WHY="its signature does not verify"; return 1; }
}
key_after() { awk -F '\t' -v at="$1" '$1 + 0 <= at + 0 { key = $2 } END { print key }' "$T/periods"; }
CHECKPOINTED=0
if [ "$CASEID" != - ] && [ -n "$FIRSTKEY" ]; then
  while IFS=$tab read -r number size root notehash; do
    file=custody/checkpoints/$size.note
    if [ ! -e "$CASE/$file" ] && [ ! -h "$CASE/$file" ]; then
      wrong "$number" "$file: the checkpoint that this line promises is missing"; continue
    fi
    plain "$CASE/$file" "$file" || continue
    rootbytes=$(printf '%s' "$root" | openssl base64 -d -A 2>/dev/null | od -An -v -tx1 | tr -d ' \n')
    if [ "$rootbytes" != "$(awk -v size="$size" '$1 == size { print $2; exit }' "$T/roots")" ]; then
      wrong "$number" "the root is not that of the first $size lines"
    elif [ "$(hash_of "$CASE/$file")" != "$notehash" ]; then
      wrong 0 "$file: it is not the note that line $number promises"
    elif ! note "$size" "$(key_after "$number")"; then
      wrong 0 "$file: $WHY"
    elif [ "$size" -gt "$CHECKPOINTED" ]; then
      CHECKPOINTED=$size
    fi
  done < "$T/points"
  while read -r size; do
    awk -F '\t' -v size="$size" '$2 == size { found = 1 } END { exit !found }' "$T/points" && continue
    file=custody/checkpoints/$size.note
    plain "$CASE/$file" "$file" || continue
    if [ ${#size} -gt 15 ] || [ "$size" -gt "$LINES_" ]; then
      wrong 0 "$file: a checkpoint of $size lines, but the log has $LINES_: lines are missing"
    elif key=$(key_after "$size") && [ -n "$key" ] && note "$size" "$key"; then
      warn "$file: no event names this checkpoint; its root holds"
    else
      wrong 0 "$file: ${WHY:-no log key was in force at its size}"
    fi
  done < "$T/notes"
fi

# ---- public keys, settings, links ---------------------------------------------------------------------------
for path in "$CASE/custody/keys"/* "$CASE/custody/keys"/.[!.]* "$CASE/custody/keys"/..?*; do
  [ -e "$path" ] || [ -h "$path" ] || continue
  name=${path##*/}
  case $name in *.tmp) if [ -f "$path" ] && [ ! -h "$path" ]; then continue; fi ;; esac
  keyid=${name%.pem}
  case $name in *.pem) ;; *) keyid=x ;; esac
  if [ ${#keyid} -ne 16 ] || [ "$(printf '%s' "$keyid" | tr -d '0-9a-f')" != '' ]; then
    wrong 0 "custody/keys/$name: an unknown file"
  elif plain "$path" "custody/keys/$name"; then
    if [ ! -e "$T/pem/$keyid" ]; then wrong 0 "custody/keys/$name: no event introduces this key"
    elif ! cmp -s "$path" "$T/pem/$keyid"; then wrong 0 "custody/keys/$name: it is not the key that the log introduces"
    fi
  fi
done
if plain "$CASE/case.toml" case.toml && [ "$TOML" != - ] && [ "$(hash_of "$CASE/case.toml")" != "$TOML" ]; then
  wrong 0 "case.toml: it is not what the log has recorded last"
fi
for top in custody evidence; do
  if [ -h "$CASE/$top" ]; then wrong 0 "$top: it is a symbolic link"
  fi
done
links=$(find "$CASE/custody" -type l 2>/dev/null | head -n 1)
[ -z "$links" ] || wrong 0 "custody${links#"$CASE/custody"}: it is a symbolic link"

# ---- evidence -----------------------------------------------------------------------------------------------
# paths MANIFEST: its paths, sorted; fails if a line is not "<hex>  <path>" or names what no bag may hold
paths() {
  [ ! -s "$1" ] || [ "$(tail -c 1 "$1" | od -An -tx1 | tr -d ' \n')" = 0a ] || return 1
  tr '\000' '\001' < "$1" | awk '
    { p = substr($0, 67); h = substr($0, 1, 64) }
    h ~ /[^0-9a-f]/ || length(h) != 64 || substr($0, 65, 2) != "  " || p == "" || p == "-" { exit 1 }
    p ~ /[\001-\037\177%\\]/ || ("/" p "/") ~ /\/(\.|\.\.)?\// || (p in seen) { exit 1 }
    { seen[p] = 1; print p }' > "$2.raw" || return 1
  sort "$2.raw" > "$2"
}
# bag DIR: whether the bag is whole; else WHY. Its manifests are left in $T/payload.list and $T/tags.list.
bag() {
  # sh has no local variables: what functions set begins with their name
  WHY=''
  if [ -n "$(find "$1" -type l 2>/dev/null | head -c 1)" ]; then WHY="it holds a symbolic link"; return 1; fi
  if [ -n "$(find "$1" ! -type f ! -type d 2>/dev/null | head -c 1)" ]; then WHY="it holds a special file"; return 1; fi
  if [ -n "$(find "$1" -name '*
*' 2>/dev/null | head -c 1)" ]; then WHY="it holds a name with a line feed"; return 1; fi
  for bag_file in bagit.txt bag-info.txt manifest-sha256.txt tagmanifest-sha256.txt; do
    [ -f "$1/$bag_file" ] || { WHY="$bag_file is missing"; return 1; }
    [ -r "$1/$bag_file" ] || { WHY="$bag_file cannot be read"; return 2; }
  done
  (cd "$1" && find . -type f ! -name '*.tmp') | sed 's|^\./||' | sort > "$T/found"
  (cd "$1" && find . -type d ! -name . ) | sed 's|^\./||' | sort > "$T/dirs"
  awk 'FILENAME == ARGV[1] { p = $0; while (sub(/\/[^\/]*$/, "", p)) full[p] = 1; next } !($0 in full) { exit 1 }' \
    "$T/found" "$T/dirs" || { WHY="it holds an empty directory"; return 1; }
  for bag_file in manifest-sha256.txt tagmanifest-sha256.txt; do
    paths "$1/$bag_file" "$T/$bag_file.list" || { WHY="$bag_file is malformed"; return 1; }
  done
  grep '^data/' "$T/found" > "$T/found.data"
  grep -v -e '^data/' -e '^tagmanifest-sha256\.txt$' "$T/found" > "$T/found.tags"
  cmp -s "$T/found.data" "$T/manifest-sha256.txt.list" || { WHY="its files are not those of manifest-sha256.txt"; return 1; }
  [ -s "$T/found.data" ] || { WHY="data is missing"; return 1; }
  cmp -s "$T/found.tags" "$T/tagmanifest-sha256.txt.list" || { WHY="its tag files are not those of tagmanifest-sha256.txt"; return 1; }
  if grep -q -e '^fetch\.txt$' "$T/found.tags"; then WHY="fetch.txt: the bag is not complete"; return 1; fi
  if grep -e '^manifest-[^/]*\.txt$' -e '^tagmanifest-[^/]*\.txt$' "$T/found.tags" | grep -qv '^manifest-sha256\.txt$'; then
    WHY="it holds a manifest that is not known here"; return 1
  fi
  printf 'BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n' > "$T/bagit"
  tr -d '\r' < "$1/bagit.txt" | cmp -s - "$T/bagit" || { WHY="bagit.txt does not declare BagIt 1.0 in UTF-8"; return 1; }
  for bag_file in tagmanifest-sha256.txt manifest-sha256.txt; do
    [ -s "$1/$bag_file" ] || continue
    (cd "$1" && sha256sum -c "$bag_file" < /dev/null > /dev/null 2>&1) && continue
    WHY="a file does not have the SHA-256 of $bag_file"
    while IFS= read -r bag_entry; do
      [ -r "$1/$bag_entry" ] || { WHY="$bag_entry cannot be read"; return 2; }
      [ "$(hash_of "$1/$bag_entry")" = "$(awk -v p="$bag_entry" 'substr($0, 67) == p { print substr($0, 1, 64); exit }' "$1/$bag_file")" ] || {
        WHY="$bag_entry does not have the SHA-256 of its manifest"; break; }
    done < "$T/$bag_file.list"
    return 1
  done
  bag_sum=0 bag_count=0
  while IFS= read -r bag_entry; do
    bag_sum=$((bag_sum + $(wc -c < "$1/$bag_entry"))) bag_count=$((bag_count + 1))
  done < "$T/manifest-sha256.txt.list"
  grep -q "^Payload-Oxum: $bag_sum\.$bag_count\$" "$1/bag-info.txt" || { WHY="bag-info.txt: Payload-Oxum is not $bag_sum.$bag_count"; return 1; }
}
# sealed DIR FILE HEX BYTES: whether a file of the bag is the one that was sealed; else WHY
sealed() {
  if [ "$3" = - ]; then
    [ ! -e "$1/$2" ] || { WHY="it holds $2, which its seal does not name"; return 1; }
    return 0
  fi
  [ -f "$1/$2" ] || { WHY="$2 is missing, but its seal names it"; return 1; }
  if [ "$2" = tagmanifest-sha256.txt ]; then seal_found=$(hash_of "$1/$2"); else
    seal_found=$(cat "$1/manifest-sha256.txt" "$1/tagmanifest-sha256.txt" | awk -v p="$2" 'substr($0, 67) == p { print substr($0, 1, 64); exit }')
  fi
  [ "$seal_found" = "$3" ] || { WHY="$2 does not have the SHA-256 of its seal"; return 1; }
  [ "$(wc -c < "$1/$2" | tr -d ' ')" = "$4" ] || { WHY="$2 does not have the size that its seal says"; return 1; }
}
OTHER=''
if [ -f "$CASE/case.toml" ] && [ -r "$CASE/case.toml" ]; then
  OTHER=$(tr '\000' '\001' < "$CASE/case.toml" | awk '
    /^[ \t]*\[/ { section = $0; gsub(/[ \t\r]/, "", section) }
    (section == "" || section == "[case]") && /^[ \t]*evidence_dir[ \t]*=/ {
      v = $0; sub(/^[^=]*=[ \t]*/, "", v)
      if (v ~ /^"[^"\\]*"[ \t\r]*(#.*)?$/) { sub(/^"/, "", v); sub(/".*/, "", v) }
      else if (v ~ /^\047[^\047]*\047[ \t\r]*(#.*)?$/) { sub(/^\047/, "", v); sub(/\047.*/, "", v) }
      else v = "?"
      if (section == "[case]") inner = v; else outer = v
    }
    END { print inner != "" ? inner : outer }')
fi
case $OTHER in
  '') ;;
  '?') unread "case.toml: evidence_dir is written in a way that this script does not read"; OTHER='' ;;
  /*) ;;
  *) OTHER=$CASE/$OTHER ;;
esac
[ "$OTHER" != "$CASE/evidence" ] || OTHER=''
: > "$T/bags"
# place DIR LABEL INSIDE: what stands where bags lie
place() {
  [ -d "$1" ] && [ ! -h "$1" ] || [ "$3" = no ] || return 0
  for path in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    [ -e "$path" ] || [ -h "$path" ] || continue
    name=${path##*/}
    if [ -h "$path" ]; then wrong 0 "$2/$name: it is a symbolic link"
    elif [ -d "$path" ]; then
      case $name in
        .E-[0-9][0-9][0-9][0-9]*.partial)
          if [ -n "$(find "$path" -type l 2>/dev/null | head -c 1)" ]; then wrong 0 "$2/$name: it holds a symbolic link"
          elif [ "$CLOSED" = 0 ]; then echo "partial: $2/$name" | tr -c '[:print:]\n' '?'
          else wrong 0 "$2/$name: a bag was never sealed, and the case is closed"; fi ;;
        E-*[!0-9]*|E-|E-[0-9]|E-[0-9][0-9]|E-[0-9][0-9][0-9]|E-0[0-9][0-9][0-9][0-9]*)
          if [ "$3" = yes ]; then wrong 0 "$2/$name: a bag that no event seals"; fi ;;
        E-[0-9][0-9][0-9][0-9]*)
          if grep -q "^$name$tab" "$T/bags"; then wrong 0 "$2/$name: the item has a second bag"; continue; fi
          printf '%s\t%s\n' "$name" "$3" >> "$T/bags"
          if ! grep -q "^$name$tab" "$T/seals"; then
            case "$LIVE $SEALING" in
              "yes "*" $name "*) warn "$2/$name: it is being sealed" ;;
              *) wrong 0 "$2/$name: the bag was never sealed" ;;
            esac
          fi ;;
        *) if [ "$3" = yes ]; then wrong 0 "$2/$name: a bag that no event seals"; fi ;;
      esac
    elif [ "$3" = yes ]; then
      case $name in *.tmp) [ -f "$path" ] || wrong 0 "$2/$name: an unknown file" ;; *) wrong 0 "$2/$name: an unknown file" ;; esac
    fi
  done
}
place "$CASE/evidence" evidence yes
[ -z "$OTHER" ] || place "$OTHER" "$OTHER" no
ITEMS=0
while IFS=$tab read -r item number taghex tagbytes imagehex imagebytes blockshex blocksbytes; do
  inside=$(awk -F '\t' -v item="$item" '$1 == item { print $2; exit }' "$T/bags")
  case $inside in
    yes) dir=$CASE/evidence/$item name=evidence/$item ;;
    no) dir=$OTHER/$item name=$OTHER/$item ;;
    *) wrong "$number" "evidence/$item: its bag is missing"; continue ;;
  esac
  if bag "$dir"; then
    if sealed "$dir" tagmanifest-sha256.txt "$taghex" "$tagbytes" && sealed "$dir" data/disk.raw "$imagehex" "$imagebytes" \
      && sealed "$dir" blocks.tsv "$blockshex" "$blocksbytes"; then ITEMS=$((ITEMS + 1)); else wrong 0 "$name: $WHY"; fi
  elif [ $? -eq 2 ]; then unread "$name: $WHY"
  else wrong 0 "$name: $WHY"
  fi
done < "$T/seals"

# ---- what it comes to ---------------------------------------------------------------------------------------
sed 's/^/warning: /' "$T/warn"
[ "$OPENINTENTS" = 0 ] || echo "open intents: $OPENINTENTS"
if [ -s "$T/bad" ]; then
  awk -F '\t' '$1 + 0 > 0 && (!line || $1 + 0 < line) { line = $1 + 0; why = $2 } $1 == 0 && file == "" { file = $2 }
    END { if (line) print "WRONG line " line ": " why; else print "WRONG " file }' "$T/bad"
  exit 1
fi
if [ -s "$T/unread" ]; then sed 's/^/cannot check: /' "$T/unread"; exit 2; fi
echo "chain and signatures hold to line $LINES_ ($EVENTS events), first key $FINGERPRINT"
[ "$CHECKPOINTED" = 0 ] || echo "signed checkpoints hold to line $CHECKPOINTED"
[ "$ITEMS" = 0 ] || echo "$ITEMS evidence item(s) are what was sealed"
[ -n "$PIN" ] || echo "not proven: that this is the key of the case; compare the fingerprint, or give it with --key"
echo "not proven: that nothing was cut after line $LINES_, or rewritten by who holds key $LOGKEY, without an outside copy of a checkpoint"
echo "not checked here: the forms of all members, the block table and its root, time stamps in anchors/"
exit 0
