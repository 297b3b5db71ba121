#!/usr/bin/env bash
# Runs experiments through a real Slurm of this machine alone, and compares their records with
# those of the same experiments run without it. Needs root, and Debian's packages:
#
#     apt-get install -y slurm-wlm munge
#
# Installs nothing; everything that it writes and starts is gone when it ends.
#
#     tests/slurm/run.sh [PROGRAM]
#
# PROGRAM is the `isthmus` to test; without it, the release build.
set -euo pipefail
repository="$(cd "$(dirname "$0")/../.." && pwd)"
program="$(realpath "${1:-${CARGO_TARGET_DIR:-$repository/target}/release/isthmus}")"

fail() { echo "tests/slurm/run.sh: $*" >&2; exit 1; }
say() { printf -- '-- %s\n' "$*"; }

for command in munged mungekey slurmctld slurmd sbatch squeue scancel sinfo scontrol; do
    PATH="$PATH:/usr/sbin" command -v "$command" >/dev/null ||
        fail "there is no \`$command\`: apt-get install -y slurm-wlm munge"
done
[ "$(id -u)" = 0 ] || fail "Slurm's daemons are started as root here"
[ -x "$program" ] || fail "there is no $program: cargo build --release"
export PATH="$PATH:/usr/sbin"

folder="$(mktemp -d)"
export SLURM_CONF="$folder/slurm.conf"

# Ends the process of a pid file, and waits for it.
end() {
    local pid
    pid="$(cat "$1" 2>/dev/null)" || return 0
    kill "$pid" 2>/dev/null || return 0
    for _ in $(seq 100); do
        kill -0 "$pid" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
}

clean_up() {
    local status=$?
    if [ "$status" != 0 ]; then
        for log in "$folder"/*.log "$folder"/work/slurm/*/launch/*.log; do
            [ -s "$log" ] && { echo "== $log"; tail -20 "$log"; } >&2
        done
    fi
    scancel --user=root >/dev/null 2>&1 || true
    end "$folder/slurmd.pid"
    end "$folder/slurmctld.pid"
    end "$folder/munge/pid"
    rm -rf "$folder"
    exit "$status"
}
trap clean_up EXIT

# A port that nobody listens on.
free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 20000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
    done
}

say "munge, slurmctld, slurmd"
# munge refuses sockets in folders that others can write to, and wants to be reachable by all.
chmod 755 "$folder"
mkdir -m 755 "$folder/munge" "$folder/state" "$folder/spool"
mungekey --create --keyfile="$folder/munge/key"
munged --key-file="$folder/munge/key" --socket="$folder/munge/socket" \
    --pid-file="$folder/munge/pid" --log-file="$folder/munge/munged.log" \
    --seed-file="$folder/munge/seed" --force
sed -e "s|@DIR@|$folder|g" -e "s|@HOST@|$(hostname -s)|g" -e "s|@CPUS@|$(nproc)|g" \
    -e "s|@CONTROL_PORT@|$(free_port)|" -e "s|@NODE_PORT@|$(free_port)|" \
    "$repository/tests/slurm/slurm.conf.in" >"$SLURM_CONF"
slurmctld
slurmd
for _ in $(seq 60); do
    [ "$(sinfo --noheader --format=%T 2>/dev/null)" = idle ] && break
    sleep 0.5
done
[ "$(sinfo --noheader --format=%T)" = idle ] || fail "the node did not come up"

# Waits until nothing of the experiments is in the queue.
wait_for_queue() {
    for _ in $(seq 600); do
        [ -z "$(squeue --noheader)" ] && return
        sleep 0.5
    done
    squeue
    fail "the queue did not empty"
}

# The `done` files of the finished records below a folder: they hold the other files' digests.
records() {
    (cd "$1" && find . -name done -path '*/[0-9a-f]*/done' | sort |
        while read -r file; do echo "== $file"; cat "$file"; done)
}

same_records() {
    diff <(records "$1") <(records "$2") >"$folder/difference" ||
        { cat "$folder/difference"; fail "the records differ: $3"; }
    [ "$(records "$2" | grep -c '^==')" = "$4" ] || fail "$3: $4 records were expected"
    say "$3: $4 equal records"
}

mkdir "$folder/work"
cd "$folder/work"
cp "$repository/experiments/quickstart.toml" plain.toml
short=(--set "seeds=[1, 2]" --set "training.iterations=60")

say "the same experiment here and through Slurm"
"$program" --quiet run plain.toml "${short[@]}" --results here >/dev/null
"$program" run plain.toml "${short[@]}" --results slurm --launcher slurm --partition main --tasks 3
"$program" status plain.toml "${short[@]}" --results slurm
wait_for_queue
"$program" status plain.toml "${short[@]}" --results slurm | tee status.txt
grep -q "8 runs: 8 finished, 0 running, 0 interrupted, 0 failed, 0 pending" status.txt || fail "not all finished"
same_records here slurm "plain runs" 8

say "nothing is run twice"
"$program" run plain.toml "${short[@]}" --results slurm --launcher slurm |
    grep -q "every run is finished already" || fail "finished runs were submitted again"

say "a sweep with stages that several runs begin with"
cat plain.toml - >sweep.toml <<'TOML'

[[methods.chain.stages]]
align = [{ name = "source-only" }]

[[methods.chain.stages]]
align = [{ name = "mcc" }]

[launcher]
name = "slurm"
tasks = 4

[sweep.values]
methods.mcc.align.0.temperature = [1.0, 2.5]
TOML
"$program" --quiet run sweep.toml "${short[@]}" --results here-sweep --launcher local >/dev/null
"$program" run sweep.toml "${short[@]}" --results slurm-sweep
wait_for_queue
same_records here-sweep slurm-sweep "a sweep" 12

say "rounds of successive halving, each after the one before"
cat plain.toml - >halving.toml <<'TOML'

[selection]
validators = [{ name = "infomax" }]

[sweep.values]
methods.dann.training.optimizer.lr = [1e-4, 1e-3, 1e-2, 1e30]

[sweep.halving]
validator = "infomax"
TOML
"$program" --quiet run halving.toml "${short[@]}" --results here-halving >/dev/null
"$program" run halving.toml "${short[@]}" --results slurm-halving --launcher slurm --tasks 3
wait_for_queue
"$program" status halving.toml "${short[@]}" --results slurm-halving
same_records here-halving slurm-halving "three rounds" 30

say "a task that is preempted goes on"
long=(--set "seeds=[1]" --set "training.iterations=4000" --set "name=long")
"$program" run plain.toml "${long[@]}" --results slurm --launcher slurm --tasks 1 \
    --checkpoint-every 1
for _ in $(seq 200); do
    compgen -G "slurm/long/*.partial/checkpoint.safetensors" >/dev/null && break
    sleep 0.1
done
compgen -G "slurm/long/*.partial/checkpoint.safetensors" >/dev/null || fail "no checkpoint came"
job="$(squeue --noheader --format=%F | head -1)"
scontrol requeue "${job}_0"
wait_for_queue
"$program" --quiet run plain.toml "${long[@]}" --results here-long >/dev/null
mkdir slurm-long && mv slurm/long slurm-long/
same_records here-long slurm-long "runs that were preempted" 4
grep -q resumed slurm-long/long/*/events.jsonl || fail "no run was resumed"

say "cancel"
endless=(--set "training.iterations=1000000" --set "name=endless")
"$program" run plain.toml "${endless[@]}" --results slurm --launcher slurm
for _ in $(seq 200); do
    compgen -G "slurm/endless/*.partial/events.jsonl" >/dev/null && break
    sleep 0.1
done
"$program" status plain.toml "${endless[@]}" --results slurm | tee status.txt
grep -Eq "12 runs: 0 finished, [1-9][0-9]* running" status.txt || fail "nothing is shown as running"
if "$program" run plain.toml "${endless[@]}" --results slurm --launcher slurm 2>twice.txt; then
    fail "the same runs were submitted twice"
fi
grep -q "in Slurm's queue already" twice.txt || fail "$(cat twice.txt)"
"$program" cancel plain.toml "${endless[@]}" --results slurm
wait_for_queue
"$program" status plain.toml "${endless[@]}" --results slurm | tee status.txt
grep -q "12 runs: 0 finished, 0 running, [0-9]* interrupted, 0 failed, [0-9]* pending" status.txt || fail "still at work"
grep -q "(cancelled)" status.txt || fail "status does not tell of the cancellation"

say "Slurm runs what this machine runs"
