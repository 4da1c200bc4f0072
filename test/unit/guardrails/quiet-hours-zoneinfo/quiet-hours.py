"""What the standard library's zoneinfo (Python 3.11, tzdata 2025b) says of quiet hours: prints quiet-hours.txt."""
from datetime import datetime, timedelta, timezone as utc
from zoneinfo import ZoneInfo

nights = {  # the local evening before each change of 2026, and ordinary nights where there is none
    'Asia/Kolkata': ['2026-03-28'], 'Asia/Kathmandu': ['2026-10-24'],
    'Australia/Lord_Howe': ['2026-04-04', '2026-10-03'],
    'America/New_York': ['2026-03-07', '2026-10-31'],
    'America/Santiago': ['2026-04-04', '2026-09-05'],
}
rules = ['21:00-08:00', '22:30-02:15', '23:30-00:20', '01:40-03:10']

def local(t, zone):  # what the clock on the wall shows, without its offset
    return t.astimezone(ZoneInfo(zone)).replace(tzinfo=None)

def end_of_quiet(t, zone, rule):
    start, until = (timedelta(hours=int(x[:2]), minutes=int(x[3:])) for x in rule.split('-'))
    shown = local(t, zone)
    midnight = shown.replace(hour=0, minute=0, second=0, microsecond=0)
    time = shown - midnight
    spans = start > until
    if not (time >= start or time < until if spans else start <= time < until):
        return None
    target = midnight + until + timedelta(days=1 if spans and time >= start else 0)
    if t.second: t += timedelta(seconds=60 - t.second)
    while local(t, zone) < target: t += timedelta(minutes=1)  # the first minute that shows it, or a later time
    return t

for zone, evenings in nights.items():
    for evening in evenings:
        noon = datetime.fromisoformat(evening + 'T12:00').replace(tzinfo=ZoneInfo(zone)).astimezone(utc.utc)
        day = [noon + timedelta(minutes=m) for m in range(0, 1440)]
        change = next((t for t in day if local(t + timedelta(minutes=1), zone) - local(t, zone) != timedelta(minutes=1)), None)
        for rule in rules:
            quiet = [end_of_quiet(t, zone, rule) is not None for t in day]
            edges = [i for i in range(1, 1440) if quiet[i] != quiet[i - 1]]
            at = {day[i] + timedelta(seconds=s) for i in edges for s in (-1, 0)}
            at |= {day[day.index(change) + m] for m in (-70, -20, 0, 1, 20, 45)} if change else {day[400], day[720]}
            for t in sorted(at):
                end = end_of_quiet(t, zone, rule)
                print(zone, rule, t.strftime('%m-%dT%H:%M:%S'), 'allow' if end is None else end.strftime('%m-%dT%H:%M'))
