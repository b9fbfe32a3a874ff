# Disarms the dead man's switch, over a connection that was made after the change, and tells what became of the change:
# `outcome`, `said`, and what is `left` to do by hand. Where the change failed, or did not come to its end, the task is run at
# once. It fails where it is not known what became of it; then it can be asked again.
param($Wanted)

$key = 'HKLM:\SOFTWARE\Evenkeel'
$task = @{ TaskPath = '\Evenkeel\'; TaskName = 'Guard' }
$id = $Wanted.id
$ran = $false
$waited = 0

# Where it is not known yet: whether the task should `run`.
function Find-Outcome {
    $kept = Get-ItemProperty -Path $key
    if ($kept.Outcome -and -not ($kept.Firing -and $kept.Guard)) {
        $done = ConvertFrom-Json -InputObject $kept.Outcome
        if ($done.id -eq $id) {
            Set-ItemProperty -Path $key -Name 'Guard' -Value ''
            return @{ outcome = $done.outcome; said = $done.said; left = @($done.errors | Where-Object { $_ }) }
        }
    }
    if (-not $kept.Guard) { throw "the guard $id is not armed, and the host does not say what became of it" }
    $guard = ConvertFrom-Json -InputObject $kept.Guard
    if ($guard.id -ne $id) { throw "another run has armed its own guard ($($guard.id)) on this host" }

    $change = "$($kept.Change)"
    if ($kept.Firing) {
        # It may have been ended in the midst of it.
        $run = "$((Get-ScheduledTask @task).State)" -ne 'Running'
    }
    elseif ($change -like "$id done *") {
        # First this, then the look whether the task has begun; restore.ps1 does it the other way round. So one of the two
        # sees the other, however they meet.
        Set-ItemProperty -Path $key -Name 'Guard' -Value ''
        if (-not (Get-ItemProperty -Path $key).Firing) {
            $outcome = @{ id = $id; outcome = 'confirmed'; said = '' }
            Set-ItemProperty -Path $key -Name 'Outcome' -Value (ConvertTo-Json -InputObject $outcome -Compress)
            Unregister-ScheduledTask @task -Confirm:$false
            return @{ outcome = 'confirmed'; said = ''; left = @() }
        }
        Set-ItemProperty -Path $key -Name 'Guard' -Value $kept.Guard
        $run = $false
    }
    else {
        # The change may still be at work, or not yet: the connection that it came by is gone.
        $is_late = [DateTimeOffset]::UtcNow.ToUnixTimeSeconds() -ge $guard.fires - 10
        $run = $is_late -or $change -like "$id failed *" -or ($change -notlike "$id begun *" -and $waited -ge 30)
    }
    @{ run = $run }
}

# Another run must not arm its own guard while ours is taken away.
$mutex = [Threading.Mutex]::new($false, 'Global\Evenkeel')
while ($true) {
    if (-not $mutex.WaitOne(30000)) { throw 'another run is arming its guard on this host' }
    try { $found = Find-Outcome }
    finally { $mutex.ReleaseMutex() }
    if ($found.outcome) { return $found }
    if ($found.run -and -not $ran) {
        Start-ScheduledTask @task
        $ran = $true
    }
    if ($waited -ge 240) { throw "the host is not yet done with the guard $id" }
    Start-Sleep -Seconds 1
    $waited++
}
