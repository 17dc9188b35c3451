//! The agent of the end-to-end tests: a shell script whose prompt says what it does.

/// As it stands in a configuration, where `$${` means `${`. Reads `<verb> [argument] #token`, notes the token, does as the verb says, and answers `done #token`.
pub(super) const SCRIPT: &str = r##"read -r prompt || true
token=$${prompt##* }
echo "$token" >> "$NOTES"
set -- $prompt
case "$1" in
  gate) while [ ! -e "$GATE" ]; do sleep 0.02; done ;;
  talk) n=0; while [ ! -e "$GATE" ]; do n=$((n + 1)); echo "step $n <!channel>"; sleep 0.05; done ;;
  work) n=0; while [ $n -lt "$2" ]; do n=$((n + 1)); echo "step $n"; sleep 0.9; done ;;
  fail) echo "first line" >&2; printf 'it broke \033[31mbadly\033[0m\n' >&2; exit 3 ;;
  die) kill -9 $$ ;;
  hang) sleep 1000000 ;;
  flood) yes "nonsense and more of it" ;;
  garbage) printf 'a\377b\300\n' ;;
  silent) exit 0 ;;
  escape) setsid sh -c 'sleep 1000000' >/dev/null 2>&1 & while [ ! -e "$GATE" ]; do sleep 0.02; done ;;
  env) env ;;
  files) echo content > "$LASTWORD_OUTBOX/report.txt" ;;
  copy) cp "$LASTWORD_INBOX"/* "$LASTWORD_OUTBOX"; cat ;;
  pictures) for n in 1 2 3; do printf '\211PNG\r\n\032\n%s' "$n" > "$LASTWORD_OUTBOX/$n.png"; done ;;
  odd) cd "$LASTWORD_OUTBOX"; echo nonsense > broken.png; : > empty.txt; ln -s /etc/hostname link.txt; mkdir folder ;;
  where) pwd ;;
  long) i=0; while [ $i -lt 400 ]; do echo "line $i of a long answer"; i=$((i + 1)); done ;;
  tome) i=0; while [ $i -lt 4000 ]; do echo "line $i of a long answer"; i=$((i + 1)); done ;;
esac
echo "done $token"
"##;
