# gnuplot -e "results='bench/results'" bench/chart.gp
data = results . '/chart.dat'
set terminal svg size 900,560 font 'sans-serif,13' background 'white'
set output results . '/chart.svg'
set encoding utf8
stats data every ::0::0 using 3 nooutput
f = STATS_min
set title 'weir: ns per call, against a bare library call with callback (F)'
set style data histograms
set style histogram clustered gap 1
set style fill solid 0.9 noborder
set boxwidth 0.9
set logscale y 2
set yrange [1:*]
set ylabel 'ns per call and thread'
set grid ytics lc rgb '#dddddd'
set xtics rotate by -35 nomirror scale 0
set border 3
set key top left
set rmargin 8
plot data every ::1 using 2:xtic(1) title '1 thread' lc rgb '#2b6cb0', \
     '' every ::1 using 3 title '2 threads on one handle' lc rgb '#90cdf4', \
     f title sprintf('F = %.1f ns', f) lc rgb '#c53030' lw 2 dt 2
