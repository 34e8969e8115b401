#!/usr/bin/env bash
# A scenario submitted with jobs/run.sbatch gives the result that mpirun gives, also when it is requeued on the way, and
# a job that fails says so.
#
#   tests/slurm/test_job.sh KERF SCENARIO [RANKS [NODES]]      (default: 2 ranks on 1 node)
#
# Starts a Slurm of its own (private_slurm.sh) and stops it again. Exits with 77, "skipped", where Slurm is not
# installed, unless KERF_NO_SKIP is set: then that is a failure. KERF_TEST_KEEP keeps the folder with all the logs.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
root=$(cd "$here/../.." && pwd -P)
# shellcheck source=tests/slurm/private_slurm.sh
. "$here/private_slurm.sh"

fail() {
    printf 'FAILED: %s\n' "$*"
    # shellcheck disable=SC2154 # main sets it before anything can fail
    slurm_logs "$folder"
    exit 1
}

skip_without_slurm() {
    local tool
    # The daemons are in /usr/sbin, which is not in everybody's PATH.
    PATH=$PATH:/usr/sbin:/sbin
    for tool in munged slurmctld slurmd sbatch srun sinfo squeue scancel scontrol h5ls h5diff mpirun; do
        command -v "$tool" >/dev/null && continue
        echo "skipped: $tool is not installed (jobs/install-packages.sh build test)"
        [ -z "${KERF_NO_SKIP:-}" ] || exit 1
        exit 77
    done
}

clean_up() {
    # The trap runs with set -e still on, and nothing may keep it from stopping the daemons.
    set +e
    slurm_down "$folder"
    if [ -n "${KERF_TEST_KEEP:-}" ]; then
        echo "kept: $folder"
    else
        rm -rf "$folder"
    fi
}

# start_slurm NODES CPUS: somebody else may take a port between the search and the start, so it tries three times.
start_slurm() {
    for _ in 1 2 3; do
        if slurm_up "$folder" "$1" "$2"; then
            return 0
        fi
        echo "the cluster did not come up"
        slurm_logs "$folder"
        slurm_down "$folder"
        rm -rf "${folder:?}"/*
    done
    fail "no cluster after three tries"
}

# submit NAME SCENARIO [OPTION ...]: prints the id of the job; what it writes goes to NAME.job, and results below results/.
submit() {
    local name=$1
    shift
    KERF="$kerf" KERF_RESULTS="$folder/results" timeout 60 sbatch --parsable --nodes="$nodes" --ntasks="$ranks" \
        --time=10 --output="$folder/$name.job" "$root/jobs/run.sbatch" "$@" --quiet
}

# await JOB: waits for its end and sets `state` and `exit_code`.
await() {
    local job=$1 deadline=$((SECONDS + 600)) line
    while :; do
        line=$(timeout 60 scontrol --oneliner show job "$job") || fail "Slurm knows nothing of job $job"
        [[ $line =~ JobState=([A-Z_]+) ]] && state=${BASH_REMATCH[1]}
        [[ $line =~ ExitCode=([0-9]+): ]] && exit_code=${BASH_REMATCH[1]}
        case $state in
        PENDING | CONFIGURING | RUNNING | COMPLETING | SUSPENDED | REQUEUED) ;;
        *) return 0 ;;
        esac
        [ "$SECONDS" -lt "$deadline" ] || fail "job $job is still $state"
        sleep 0.3
    done
}

# run_with_mpirun RESULT [OPTION ...]
run_with_mpirun() {
    local result=$1
    shift
    (
        export OMPI_MCA_mpi_yield_when_idle=1
        if [ "$(id -u)" -eq 0 ]; then
            export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
        fi
        mpirun --oversubscribe --bind-to none -n "$ranks" "$kerf" run "$scenario" -o "$result" --quiet "$@"
    )
}

# equals_mpirun RESULT [OPTION ...]
equals_mpirun() {
    local result=$1 differences
    shift
    run_with_mpirun "$folder/mpirun.h5" "$@" || fail "mpirun could not run the scenario"
    # -c names what cannot be compared, about which the exit status would say nothing.
    differences=$(h5diff -c --exclude-path /provenance "$result" "$folder/mpirun.h5" 2>&1) || {
        h5diff -v --exclude-path /provenance "$result" "$folder/mpirun.h5" | head -n 60 || true
        fail "Slurm and mpirun disagree"
    }
    [ -z "$differences" ] || fail "Slurm and mpirun have what cannot be compared: $differences"
}

job_equals_mpirun() {
    local job result
    job=$(submit good "$scenario") || fail "sbatch refused the job"
    await "$job"
    cat "$folder/good.job"
    [ "$state" = COMPLETED ] || fail "job $job ended as $state with exit code $exit_code"

    result=$folder/results/$(basename "$scenario" .yaml)-$job.h5
    [ -f "$result" ] || fail "job $job left no $result"
    h5ls "$result" || fail "the result of job $job cannot be opened"
    equals_mpirun "$result"
    echo "ok: job $job on $ranks ranks, $nodes node(s), equals mpirun"
}

# A longer run in a job whose time is short: it stops, is requeued and goes on until it is done.
requeued_job_equals_mpirun() {
    local job result long=(--set workload.requests=1400 --set systems.gpus.workload.requests=1400)
    job=$(submit requeued "$scenario" "${long[@]}" --time-limit 1) || fail "sbatch refused the job"
    await "$job"
    cat "$folder/requeued.job"
    [ "$state" = COMPLETED ] || fail "job $job ended as $state with exit code $exit_code"
    grep -q 'goes back into the queue' "$folder/requeued.job" || fail "job $job was not requeued"
    grep -q -- '--restart' "$folder/requeued.job" || fail "job $job was not restarted"
    result=$folder/results/$(basename "$scenario" .yaml)-$job
    equals_mpirun "$result.h5" "${long[@]}"
    ls "$result".checkpoint.h5* 2>/dev/null && fail "job $job left its checkpoints"
    echo "ok: job $job, requeued on the way, equals mpirun"
}

failure_is_the_jobs() {
    local job
    job=$(submit bad "$folder/no-such-scenario.yaml") || fail "sbatch refused the job"
    await "$job"
    cat "$folder/bad.job"
    [ "$state" = FAILED ] || fail "a job without a scenario ended as $state"
    [ "$exit_code" -ne 0 ] || fail "a job without a scenario ended with exit code 0"
    echo "ok: a job that fails is FAILED, with exit code $exit_code"
}

main() {
    [ $# -ge 2 ] || {
        sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
        exit 2
    }
    skip_without_slurm
    kerf=$(realpath "$1") scenario=$(realpath "$2") ranks=${3:-2} nodes=${4:-1}
    # Not in TMPDIR: the path of a socket has room for some hundred characters only.
    folder=$(mktemp -d /tmp/kerf-slurm.XXXXXX)
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    # What a Slurm around this test says about its own job must not reach the jobs in here.
    unset "${!SLURM_@}" "${!SBATCH_@}" "${!SRUN_@}"
    cd "$root"
    start_slurm "$nodes" "$(((ranks + nodes - 1) / nodes))"
    job_equals_mpirun
    requeued_job_equals_mpirun
    failure_is_the_jobs
}

main "$@"
