# no file of the SSH client is read before the declared one
# Argument: the controls that a deviation excepts. The first value of an option counts in ssh, so one block for one server
# in an earlier place undoes what this role declares, and "ssh -G" for another server does not show it.
case " $1 " in *" VB-SSC-008 "*) exit 0 ;; esac
LC_ALL=C
export LC_ALL
first=$(sed -n '/^[[:space:]]*\(#\|$\)/d;p;q' /etc/ssh/ssh_config)
[ "$first" = 'Include /etc/ssh/ssh_config.d/*.conf' ] || { echo "/etc/ssh/ssh_config begins with: $first"; exit 1; }
set -- /etc/ssh/ssh_config.d/*.conf
case $1 in
    /etc/ssh/ssh_config.d/00-verbund*) ;;
    *) echo "read before the files of Verbund: $1"; exit 1 ;;
esac
