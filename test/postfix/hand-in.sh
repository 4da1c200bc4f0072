#!/bin/bash
# A mail server's pipe: the mail on standard input, its recipient as the argument. Anything but a 200 is tried
# again (75, EX_TEMPFAIL). With nothing but bash, since the pipe's user sees little of this machine.
mail=$(mktemp)
trap 'rm -f "$mail"' EXIT
cat > "$mail"
recipient=${1//+/%2B}
exec 3<> "/dev/tcp/127.0.0.1/STARLING_PORT" || exit 75
{
  printf 'POST /api/v1/bounces?recipient=%s HTTP/1.1\r\nHost: 127.0.0.1\r\n' "$recipient"
  printf 'Authorization: Bearer STARLING_ADMIN_KEY\r\nContent-Type: message/rfc822\r\n'
  printf 'Content-Length: %s\r\nConnection: close\r\n\r\n' "$(stat -c %s "$mail")"
  cat "$mail"
} >&3
read -r _ status _ <&3
[ "$status" = 200 ] || exit 75
