export { drain, standDown } from '../queue/sender';
