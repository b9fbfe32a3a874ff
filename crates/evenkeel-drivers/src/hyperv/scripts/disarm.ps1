# Disarms the dead man's switch, over a connection that was made after the change. Where the change failed, or did not come
# to its end, the task is run at once instead. Fails wherever the former state is, or will be, put back.
param($Wanted)

$key = 'HKLM:\SOFTWARE\Evenkeel'
$why = 'no new connection came in time'

$kept = Get-ItemProperty -Path $key
# Asked again, because the answer was lost.
if ("$($kept.Change)" -eq "$($Wanted.id) disarmed") { return @{ id = $Wanted.id } }
if ($kept.Guard) {
    $guard = ConvertFrom-Json -InputObject $kept.Guard
    if ($guard.id -ne $Wanted.id) { throw "another run has armed its own guard ($($guard.id)) on this host" }

    # The change may still be at work: the connection that it came by is gone.
    while ("$((Get-ItemProperty -Path $key).Change)" -notlike "$($guard.id) *") {
        if ([DateTimeOffset]::UtcNow.ToUnixTimeSeconds() -ge $guard.fires - 10) { break }
        Start-Sleep -Seconds 1
    }
    $change = "$((Get-ItemProperty -Path $key).Change)"
    if ($change -eq "$($guard.id) done") {
        $task = @(Get-ScheduledTask -TaskPath '\Evenkeel\' -TaskName 'Guard' -ErrorAction SilentlyContinue)
        if ($task.Count -gt 0 -and "$($task[0].State)" -ne 'Running') {
            Unregister-ScheduledTask -TaskPath '\Evenkeel\' -TaskName 'Guard' -Confirm:$false
            Set-ItemProperty -Path $key -Name 'Guard' -Value ''
            Set-ItemProperty -Path $key -Name 'Change' -Value "$($guard.id) disarmed"
            return @{ id = $guard.id }
        }
    }
    else {
        $why = 'the change did not come to its end'
        if ($change -eq "$($guard.id) failed") { $why = 'the change failed' }
        Start-ScheduledTask -TaskPath '\Evenkeel\' -TaskName 'Guard'
    }
}

# restore.ps1 empties Guard first of all and writes RolledBack last.
$waited = 0
while ($true) {
    $text = (Get-ItemProperty -Path $key).RolledBack
    if ($text) {
        $done = ConvertFrom-Json -InputObject $text
        if ($done.id -eq $Wanted.id) {
            $trouble = ''
            if (@($done.errors).Count -gt 0) { $trouble = "; not all of it: $(@($done.errors) -join '; ')" }
            throw "the host put back what was there before, since $why$trouble"
        }
    }
    if ($waited -ge 90) { throw "the guard $($Wanted.id) is gone, and the host did not say that it put anything back" }
    Start-Sleep -Seconds 1
    $waited++
}
