# shellcheck shell=bash
# A Slurm of one's own for a test: sourced by test_job.sh, which calls slurm_up, then slurm_down.
#
# One machine plays all the nodes. Every file, socket and key lies under one folder, the daemons are started by hand
# and stopped by their pid files, and neither systemd nor cgroups nor anything in /etc takes part. It works for root
# and for an ordinary user, because every daemon and every job belongs to whoever runs the test.

# Prints COUNT ports nobody listens on, below the range that the kernel hands out to clients by itself.
free_ports() {
    /usr/bin/python3 - "$1" <<'PYTHON'
import random, socket, sys

wanted, ports = int(sys.argv[1]), []
for port in random.sample(range(20000, 32000), 2000):
    with socket.socket() as candidate:
        try:
            candidate.bind(("", port))
        except OSError:
            continue
    ports.append(str(port))
    if len(ports) == wanted:
        break
else:
    sys.exit("no free ports")
print(" ".join(ports))
PYTHON
}

# write_slurm_config FOLDER NODES CPUS CONTROLLER_PORT NODE_PORT...
write_slurm_config() {
    local folder=$1 nodes=$2 cpus=$3 controller_port=$4 user host node
    shift 4
    user=$(id -un)
    host=$(hostname -s)
    {
        cat <<CONFIG
ClusterName=kerftest
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$controller_port
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
CredType=cred/munge
# A requeued job waits until no credential of its first run is good any more.
AuthInfo=socket=$folder/munge.socket,cred_expire=5
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool-%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd-%n.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd-%n.log
# The pmix plugin keeps one folder for each job step here, and two nodes must not meet in it.
TmpFS=$folder/tmp-%n
TaskProlog=$folder/task-prolog
# Plugins that ask nothing of the machine.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
AccountingStorageType=accounting_storage/none
MpiDefault=pmix
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0
ReturnToService=2
KillWait=5
# The number of CPUs below is a promise, not what the machine has.
SlurmdParameters=config_overrides
PartitionName=test Nodes=ALL Default=YES MaxTime=30 State=UP
CONFIG
        for node in $(seq 1 "$nodes"); do
            echo "NodeName=node$node NodeHostname=$host NodeAddr=127.0.0.1 Port=$1 CPUs=$cpus State=UNKNOWN"
            shift
        done
    } >"$folder/slurm.conf"
    # No cgroup is used, but slurmd wants to find out which kind there is, and stops where there is none (in a
    # container, say) unless it is told.
    printf 'CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n' >"$folder/cgroup.conf"

    # Slurm adds to a task's environment what this prints.
    cat >"$folder/task-prolog" <<PROLOG
#!/bin/sh
# All nodes have one host name, so Open MPI would mix up the shared memory of ranks on different ones.
echo "export OMPI_MCA_btl_vader_backing_directory=$folder/shm-\$SLURMD_NODENAME"
echo "export OMPI_MCA_btl_tcp_if_include=lo"
echo "export OMPI_MCA_hwloc_base_binding_policy=none"
PROLOG
    chmod +x "$folder/task-prolog"
}

# True if FILE.pid holds the process id of a living NAME: a number alone might by now be somebody else's.
daemon_lives() {
    local pid_file=$1 name=$2 pid
    [ -s "$pid_file" ] || return 1
    pid=$(<"$pid_file")
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$name" ]
}

# Starts a daemon that goes to the background by itself. It must not inherit the test's output: ctest would wait for it.
start_daemon() {
    local log=$1
    shift
    "$@" </dev/null >"$log" 2>&1
}

# True once every node reports that it is idle. A client of a controller that has died waits for minutes.
nodes_are_idle() {
    local idle
    idle=$(timeout 10 sinfo --noheader --Node --states=idle --format=%N 2>/dev/null | sort -u | wc -l) || idle=0
    [ "$idle" -eq "$1" ]
}

# slurm_up FOLDER NODES CPUS: starts the cluster and points SLURM_CONF at it; 1 if it does not come up in a minute.
slurm_up() {
    local folder=$1 nodes=$2 cpus=$3 ports node deadline
    export SLURM_CONF=$folder/slurm.conf
    read -r -a ports <<<"$(free_ports $((nodes + 1)))"
    write_slurm_config "$folder" "$nodes" "$cpus" "${ports[@]}"

    head -c 128 /dev/urandom >"$folder/munge.key"
    chmod 600 "$folder/munge.key"
    start_daemon "$folder/munged.out" munged --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" \
        --pid-file="$folder/munged.pid" --log-file="$folder/munged.log" --seed-file="$folder/munge.seed" || return 1

    mkdir -p "$folder/state"
    start_daemon "$folder/slurmctld.out" slurmctld -f "$SLURM_CONF" || return 1
    for node in $(seq 1 "$nodes"); do
        mkdir -p "$folder/spool-node$node" "$folder/tmp-node$node" "$folder/shm-node$node"
        start_daemon "$folder/slurmd-node$node.out" slurmd -f "$SLURM_CONF" -N "node$node" || return 1
    done

    deadline=$((SECONDS + 60))
    until nodes_are_idle "$nodes"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.2
    done
}

# Stops one daemon by its pid file, kindly for ten seconds.
stop_daemon() {
    local pid_file=$1 name=$2 pid
    daemon_lives "$pid_file" "$name" || return 0
    pid=$(<"$pid_file")
    kill "$pid" 2>/dev/null || return 0
    for _ in $(seq 1 100); do
        [ -d "/proc/$pid" ] || return 0
        sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
}

# slurm_down FOLDER: cancels what still runs, then stops the daemons.
slurm_down() {
    local folder=$1 pid_file
    if daemon_lives "$folder/slurmctld.pid" slurmctld; then
        timeout 10 scancel --user="$(id -un)" 2>/dev/null || true
        for _ in $(seq 1 50); do
            [ -n "$(timeout 10 squeue --noheader 2>/dev/null)" ] || break
            sleep 0.2
        done
    fi
    for pid_file in "$folder"/slurmd-*.pid; do
        stop_daemon "$pid_file" slurmd
    done
    stop_daemon "$folder/slurmctld.pid" slurmctld
    stop_daemon "$folder/munged.pid" munged
}

# slurm_logs FOLDER: the ends of all logs, for whoever has to find out what went wrong.
slurm_logs() {
    local log
    for log in "$1"/*.log "$1"/*.out; do
        [ -s "$log" ] || continue
        printf -- '--- %s\n' "${log##*/}"
        tail -n 15 "$log"
    done
}
